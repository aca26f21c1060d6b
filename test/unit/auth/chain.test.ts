import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { runChain, type ChainOutcome } from '../../../src/auth/chain.ts';
import {
  isAsked,
  PLAIN_RULES,
  type ChainStep,
  type StepAction,
  type StepRules,
  type StepSubject,
} from '../../../src/auth/chain-step.ts';
import { PLAIN_ENTRY, type PassdbEntry } from '../../../src/auth/passdb.ts';
import type { Fields } from '../../../src/core/fields.ts';
import { ABSENT, found, unavailable } from '../../../src/core/outcome.ts';
import { modelChain, type Answer, type ModelStep } from '../../support/chain-model.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const ACTIONS: readonly StepAction[] = [
  'return-ok',
  'return',
  'return-fail',
  'continue',
  'continue-ok',
  'continue-fail',
];
const USER = 'bob';

interface Given {
  readonly answer: Answer;
  readonly rules?: Partial<StepRules>;
  /** The entry has these. */
  readonly entry?: Partial<PassdbEntry>;
}

interface Run {
  readonly outcome: ChainOutcome;
  /** Positions of the passdbs that were asked. */
  readonly asked: number[];
  /** Positions of the passdbs whose password was compared. */
  readonly compared: number[];
  readonly names: string[];
}

async function run(given: readonly Given[], mechanism = 'PLAIN'): Promise<Run> {
  const steps = given.map(({ rules }, i): ChainStep => ({
    passdb: new MemoryPassdb(String(i)),
    rules: { ...PLAIN_RULES, ...rules },
  }));
  const asked: number[] = [];
  const compared: number[] = [];
  const names: string[] = [];
  const outcome = await runChain(steps, {
    username: USER,
    mechanism,
    ask: async ({ passdb }, { username }) => {
      const { answer = 'absent', entry } = given[Number(passdb.name)] ?? {};
      asked.push(Number(passdb.name));
      names.push(username);
      if (answer === 'absent') return ABSENT;
      if (answer === 'down') return unavailable(`${passdb.name} is down`);
      const isFieldsOnly = answer === 'fields';
      return found({ ...PLAIN_ENTRY, user: username, password: '{PLAIN}x', isFieldsOnly, ...entry });
    },
    restrict: ({ canLogin }) => (canLogin ? { kind: 'success' } : { kind: 'refused', reason: 'login-off' }),
    judge: async (_entry, { passdb }, { isVerified }) => {
      const answer = given[Number(passdb.name)]?.answer;
      if (!isVerified) compared.push(Number(passdb.name));
      if (!isVerified && answer === 'wrong') return { kind: 'failure', reason: 'wrong-password' };
      return answer === 'off' ? { kind: 'refused', reason: 'login-off' } : { kind: 'success' };
    },
  });
  return { outcome, asked, compared, names };
}

function verdictOf({ outcome }: Run): string {
  return outcome.kind === 'rejected' ? outcome.reason : outcome.kind;
}

describe('runChain() after a success', () => {
  // What follows is found by the next passdb, or not; it has another password, or the same.
  const cases: [StepAction, next: Answer, verdict: string, asked: number, isCompared: boolean][] = [
    ['return-ok', 'wrong', 'accepted', 1, false],
    ['return', 'right', 'unknown-user', 1, false],
    ['return-fail', 'right', 'unknown-user', 1, false],
    ['continue', 'wrong', 'accepted', 2, false],
    ['continue', 'absent', 'unknown-user', 2, false],
    ['continue-ok', 'wrong', 'accepted', 2, false],
    ['continue-ok', 'absent', 'accepted', 2, false],
    ['continue-fail', 'wrong', 'wrong-password', 2, true],
    ['continue-fail', 'right', 'accepted', 2, true],
  ];
  for (const [resultSuccess, next, verdict, asked, isCompared] of cases) {
    it(`does ${resultSuccess} before one that says ${next}: ${verdict}`, async () => {
      const result = await run([{ answer: 'right', rules: { resultSuccess } }, { answer: next }]);
      assert.equal(verdictOf(result), verdict);
      assert.equal(result.asked.length, asked);
      assert.equal(result.compared.includes(1), isCompared);
    });
  }

  it('keeps a verdict through return', async () => {
    const first = { answer: 'right', rules: { resultSuccess: 'continue-ok' } } as const;
    for (const answer of ['right', 'absent', 'wrong'] as const) {
      const rules = { resultSuccess: 'return', resultFailure: 'return' } as const;
      assert.equal(verdictOf(await run([first, { answer, rules }])), 'accepted');
    }
  });
});

describe('runChain() after a failure', () => {
  const cases: [StepAction, verdict: string, asked: number, isCompared: boolean][] = [
    ['return-ok', 'accepted', 1, false],
    ['return', 'wrong-password', 1, false],
    ['return-fail', 'wrong-password', 1, false],
    ['continue', 'accepted', 2, true],
    ['continue-ok', 'accepted', 2, false],
    ['continue-fail', 'accepted', 2, true],
  ];
  for (const [resultFailure, verdict, asked, isCompared] of cases) {
    it(`does ${resultFailure} before one with the right password: ${verdict}`, async () => {
      const result = await run([{ answer: 'wrong', rules: { resultFailure } }, { answer: 'right' }]);
      assert.equal(verdictOf(result), verdict);
      assert.equal(result.asked.length, asked);
      assert.equal(result.compared.includes(1), isCompared);
    });
  }

  it('needs a password later on after continue, which only a success spares', async () => {
    const result = await run([{ answer: 'wrong' }, { answer: 'wrong' }]);
    assert.deepEqual([verdictOf(result), result.compared], ['wrong-password', [0, 1]]);
  });

  it('tells of a wrong password rather than of a passdb that knows nobody', async () => {
    for (const answers of [
      ['wrong', 'absent'],
      ['absent', 'wrong'],
    ] as const)
      assert.equal(verdictOf(await run(answers.map((answer) => ({ answer })))), 'wrong-password');
  });
});

describe('runChain() in an outage', () => {
  const cases: [StepAction, next: Answer, verdict: string][] = [
    ['return-ok', 'absent', 'accepted'],
    ['return', 'right', 'unavailable'],
    ['return-fail', 'right', 'unavailable'],
    ['continue', 'right', 'accepted'],
    ['continue', 'wrong', 'unavailable'],
    ['continue', 'absent', 'unavailable'],
    ['continue-ok', 'absent', 'accepted'],
    ['continue-fail', 'right', 'accepted'],
    ['continue-fail', 'wrong', 'unavailable'],
  ];
  for (const [resultInternalfail, next, verdict] of cases) {
    it(`does ${resultInternalfail} before one that says ${next}: ${verdict}`, async () => {
      const result = await run([{ answer: 'down', rules: { resultInternalfail } }, { answer: next }]);
      assert.equal(verdictOf(result), verdict);
    });
  }

  it('cannot tell when the last one is down, but after a success it can', async () => {
    assert.equal(verdictOf(await run([{ answer: 'wrong' }, { answer: 'down' }])), 'unavailable');
    const first = { answer: 'right', rules: { resultSuccess: 'continue-ok' } } as const;
    assert.equal(verdictOf(await run([first, { answer: 'down' }])), 'accepted');
  });
});

describe('runChain() with who may not log in (RULES 38, 40)', () => {
  it('refuses whatever the rules and later passdbs say', async () => {
    for (const resultFailure of ACTIONS) {
      const result = await run([{ answer: 'off', rules: { resultFailure } }, { answer: 'right' }]);
      assert.equal(verdictOf(result), 'login-off', resultFailure);
    }
  });

  it('asks the same passdbs as after a wrong password', async () => {
    for (const resultFailure of ACTIONS) {
      const off = await run([{ answer: 'off', rules: { resultFailure } }, { answer: 'right' }]);
      const wrong = await run([{ answer: 'wrong', rules: { resultFailure } }, { answer: 'right' }]);
      assert.deepEqual([off.asked, off.compared], [wrong.asked, wrong.compared], resultFailure);
    }
  });

  it('refuses whom a passdb denies, after the comparison', async () => {
    const rules = { isDeny: true };
    for (const answer of ['right', 'wrong'] as const) {
      const result = await run([{ answer: 'wrong', rules }, { answer }]);
      assert.deepEqual([verdictOf(result), result.compared], ['denied', [1]], answer);
    }
    assert.equal(verdictOf(await run([{ answer: 'absent', rules }, { answer: 'right' }])), 'accepted');
  });

  it('follows no rule of a passdb that denies', async () => {
    for (const resultFailure of ACTIONS) {
      const rules = { isDeny: true, resultFailure, resultSuccess: resultFailure };
      assert.equal(verdictOf(await run([{ answer: 'absent', rules }, { answer: 'wrong' }])), 'wrong-password');
      assert.equal(verdictOf(await run([{ answer: 'right', rules }, { answer: 'right' }])), 'denied');
    }
  });

  it('lets nobody in while it cannot tell who is denied', async () => {
    for (const resultInternalfail of ACTIONS) {
      const result = await run([{ answer: 'down', rules: { isDeny: true, resultInternalfail } }, { answer: 'right' }]);
      assert.equal(verdictOf(result), 'unavailable', resultInternalfail);
    }
  });
});

describe('runChain() with fields and names', () => {
  it('goes on behind an entry that only gives fields, and needs another to say yes', async () => {
    assert.equal(verdictOf(await run([{ answer: 'fields' }, { answer: 'right' }])), 'accepted');
    assert.equal(
      verdictOf(await run([{ answer: 'right', rules: { resultSuccess: 'continue' } }, { answer: 'fields' }])),
      'unknown-user',
    );
    assert.equal(verdictOf(await run([{ answer: 'fields' }])), 'unknown-user');
  });

  it('keeps the fields of good entries and drops those of a passdb that failed', async () => {
    const { outcome } = await run([
      { answer: 'wrong', entry: { fields: fields('a'), hasNoDelay: true } },
      { answer: 'fields', entry: { fields: fields('b') } },
      { answer: 'right', entry: { fields: fields('c b:remove') } },
    ]);
    assert.ok(outcome.kind === 'accepted');
    assert.deepEqual([...outcome.fields.keys()], ['c']);
  });

  it('heeds nodelay of a passdb that said yes, and not of one whose password was wrong', async () => {
    const entry = { hasNoDelay: true };
    const failed = await run([{ answer: 'wrong', entry }]);
    assert.ok(failed.outcome.kind === 'rejected' && !failed.outcome.hasNoDelay);
    const good = { answer: 'right', entry, rules: { resultSuccess: 'continue' } } as const;
    const { outcome } = await run([good, { answer: 'absent' }]);
    assert.ok(outcome.kind === 'rejected' && outcome.hasNoDelay);
  });

  it('asks later passdbs for the name a good entry gives, and logs in under it (RULES 22)', async () => {
    const first = { answer: 'right', entry: { user: 'robert' }, rules: { resultSuccess: 'continue' } } as const;
    const renamed = await run([{ answer: 'wrong', entry: { user: 'other' } }, first, { answer: 'right' }]);
    assert.deepEqual(renamed.names, [USER, USER, 'robert']);
    assert.ok(renamed.outcome.kind === 'accepted' && renamed.outcome.user === 'robert');
    assert.equal(renamed.outcome.passdb, '2');
  });
});

describe('isAsked()', () => {
  it('heeds skip', () => {
    for (const isAuthenticated of [false, true]) {
      assert.equal(wants({ skip: 'never' }, { isAuthenticated }), true);
      assert.equal(wants({ skip: 'authenticated' }, { isAuthenticated }), !isAuthenticated);
      assert.equal(wants({ skip: 'unauthenticated' }, { isAuthenticated }), isAuthenticated);
    }
  });

  it('heeds mechanisms in any case, and "none" for lookups without one', () => {
    assert.equal(wants({ mechanisms: ['plain', 'login'] }), true);
    assert.equal(wants({ mechanisms: ['cram-md5'] }), false);
    assert.equal(wants({ mechanisms: ['plain'] }, { mechanism: '' }), false);
    assert.equal(wants({ mechanisms: ['none'] }, { mechanism: '' }), true);
    assert.equal(wants({ mechanisms: ['none'] }), false);
    assert.equal(wants({}, { mechanism: '' }), true);
  });

  const filters: [string, boolean][] = [
    ['*@example.com', true],
    ['*@example.org', false],
    ['*@example.org *@example.com', true],
    ['!bob@*', false],
    ['!admin@*', true],
    ['*@example.com !bob@*', false],
    ['!bob@* *@example.com', false],
    ['!admin@* *@example.com', true],
    ['!admin@* *@example.org', false],
    ['?ob@example.com', true],
    ['BOB@Example.com', true],
    ['b*o*b@*m', true],
    ['bob', false],
  ];
  for (const [patterns, expected] of filters) {
    it(`says ${expected} for bob@example.com in ${patterns}`, () => {
      assert.equal(wants({ usernameFilter: patterns.split(' ') }), expected);
    });
  }
});

describe('runChain() beside a model of the rules', () => {
  const action = fc.constantFrom(...ACTIONS);
  const step: fc.Arbitrary<ModelStep> = fc.record({
    answer: fc.constantFrom<Answer>('right', 'wrong', 'absent', 'down', 'off', 'fields'),
    isDeny: fc.boolean(),
    skip: fc.constantFrom('never', 'authenticated', 'unauthenticated'),
    resultSuccess: action,
    resultFailure: action,
    resultInternalfail: action,
  });

  it('gives the same verdict and asks for the same passwords', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const result = await run(steps.map(({ answer, ...rules }) => ({ answer, rules })));
        const model = modelChain(steps);
        assert.equal(result.outcome.kind, model.verdict);
        assert.deepEqual(result.asked, model.asked);
        assert.deepEqual(result.compared, model.compared);
      }),
      { numRuns: 3000 },
    );
  });
});

function fields(text: string): Fields {
  return new Map(text.split(' ').map((word) => [word, '1']));
}

function wants(rules: Partial<StepRules>, subject: Partial<StepSubject> = {}): boolean {
  const bob = { username: 'bob@example.com', mechanism: 'PLAIN', isAuthenticated: false };
  return isAsked({ ...PLAIN_RULES, ...rules }, { ...bob, ...subject });
}
