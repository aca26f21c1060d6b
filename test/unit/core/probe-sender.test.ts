import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createProbeSenderTest } from '../../../src/core/probe-sender.ts';

describe('createProbeSenderTest()', () => {
  const isProbe = createProbeSenderTest(['double-bounce', 'Verify']);

  it('knows the senders of probes with and without a time suffix (RULES 20)', () => {
    for (const sender of [
      'double-bounce@mx.example',
      'DOUBLE-BOUNCE@mx.example',
      'double-bounce6a2zk@mx.example',
      'verify@x',
      'double-bounce',
    ]) {
      assert.equal(isProbe(sender), true, sender);
    }
  });

  it('takes nobody else for a probe', () => {
    for (const sender of [
      '',
      'bounce@mx.example',
      'double-bounce+x@mx.example',
      'xdouble-bounce@mx.example',
      'bob@double-bounce',
    ]) {
      assert.equal(isProbe(sender), false, sender);
    }
  });
});
