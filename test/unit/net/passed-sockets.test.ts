import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findUnclaimed, takePassedSockets } from '../../../src/net/passed-sockets.ts';

describe('takePassedSockets()', () => {
  it('gives descriptors by service name and removes the variables (RULES 30)', () => {
    const environment: NodeJS.ProcessEnv = {
      LISTEN_PID: '77',
      LISTEN_FDS: '3',
      LISTEN_FDNAMES: 'sasl:lmtp:sasl',
      HOME: '/',
    };
    assert.deepEqual(
      takePassedSockets(environment, 77),
      new Map([
        ['sasl', [3, 5]],
        ['lmtp', [4]],
      ]),
    );
    assert.deepEqual(environment, { HOME: '/' });
  });

  it('takes none meant for another process, but removes the variables', () => {
    const environment: NodeJS.ProcessEnv = { LISTEN_PID: '76', LISTEN_FDS: '1', LISTEN_FDNAMES: 'sasl' };
    assert.equal(takePassedSockets(environment, 77).size, 0);
    assert.deepEqual(environment, {});
  });

  it('takes none for nonsense', () => {
    for (const count of ['', '-1', 'x', '1e9', '99999']) {
      assert.equal(takePassedSockets({ LISTEN_PID: '77', LISTEN_FDS: count }, 77).size, 0, count);
    }
  });
});

describe('findUnclaimed()', () => {
  it('names the sockets that nobody will serve', () => {
    const passed = takePassedSockets({ LISTEN_PID: '7', LISTEN_FDS: '3', LISTEN_FDNAMES: 'sasl:auth.socket' }, 7);
    assert.deepEqual(findUnclaimed(passed, ['sasl', 'lmtp']), ['auth.socket', 'unknown']);
  });
});
