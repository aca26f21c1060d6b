/**
 * One connection of a Postfix process to the policy service: one question, one answer, in order. It decides nothing:
 * the rules do, `reply.ts` finds the words. Whatever goes wrong or takes too long here is DUNNO (RULES 19, 27): the
 * mail goes on, and LMTP still enforces.
 */
import { settleWithin } from '../../core/deadline.ts';
import type { Logger } from '../../core/logger.ts';
import { quotePeerText } from '../../core/printable.ts';
import type { Connection } from '../../net/connection.ts';
import { FramedSession } from '../../net/framed-session.ts';
import type { Decided } from '../../policy/decide.ts';
import { DUNNO, type PolicyQuestion } from '../../policy/question.ts';
import { MAX_POLICY_REQUEST_BYTES, takePolicyRequest, type PolicyAttributes } from '../../protocol/policy.ts';
import { readQuestion } from './read-question.ts';
import { formatAction, formatDecision, type PolicyTexts } from './reply.ts';

/** What a session asks; `policy/decide.ts` fits. */
export interface PolicyDecider {
  decide(question: PolicyQuestion): Promise<Decided>;
  leave(connection: string): void;
}

/** Beside the code that counts; one object for all sessions of the service. */
export interface PolicyCounters {
  /** Requests answered, whatever the answer. */
  answered: number;
  /** Answers that refuse for good. */
  rejected: number;
  /** Answers that make mail wait. */
  deferred: number;
  /** Rules that threw; answered DUNNO. */
  faults: number;
  /** Decisions past the deadline; answered DUNNO. */
  late: number;
  /** Requests on connections past the limit; answered DUNNO without a decision. */
  overloaded: number;
}

export interface PolicySessionOptions {
  readonly connection: Connection;
  readonly logger: Logger;
  readonly decider: PolicyDecider;
  readonly texts: PolicyTexts;
  readonly idleMs: number;
  readonly deadlineMs: number;
  readonly counters: PolicyCounters;
}

/** The empty line that ends a request. */
const END_BYTES = 2;

const NO_OPINION: Decided = Object.freeze({ decision: DUNNO, rule: undefined });

/** Begins to serve a connection. */
export function openPolicySession(options: PolicySessionOptions): FramedSession<PolicyAttributes> {
  const { connection, logger, decider, idleMs } = options;
  const session: FramedSession<PolicyAttributes> = new FramedSession<PolicyAttributes>({
    connection,
    logger,
    take: takePolicyRequest,
    maxFrameBytes: MAX_POLICY_REQUEST_BYTES + END_BYTES,
    idleMs,
    onFrame: async (attributes): Promise<void> => session.send(await answer(attributes, options)),
    onClose: () => decider.leave(connection.id),
  });
  return session;
}

async function answer(attributes: PolicyAttributes, options: PolicySessionOptions): Promise<string> {
  const { connection, texts, counters } = options;
  const startedAt = performance.now();
  const question = readQuestion(attributes, connection.id);
  const decided = await decide(question, options);
  counters.answered += 1;
  if (decided.decision.kind === 'reject') counters.rejected += 1;
  if (decided.decision.kind === 'defer') counters.deferred += 1;
  log(decided, question, { ...options, state: attributes.get('protocol_state') ?? '', startedAt });
  return formatDecision(decided.decision, texts);
}

async function decide(question: PolicyQuestion, options: PolicySessionOptions): Promise<Decided> {
  const { connection, decider, deadlineMs, logger, counters } = options;
  if (connection.isOverloaded) {
    counters.overloaded += 1;
    return NO_OPINION;
  }
  try {
    return await settleWithin(decider.decide(question), deadlineMs, () => {
      counters.late += 1;
      logger.warn('policy.fault', { reason: `no decision within ${deadlineMs} ms` });
      return NO_OPINION;
    });
  } catch (error) {
    counters.faults += 1;
    logger.error('policy.fault', { err: error });
    return NO_OPINION;
  }
}

/** One line a decision; no opinion is the rule and therefore only a line of `debug`. */
function log(
  { decision, rule }: Decided,
  question: PolicyQuestion,
  { logger, texts, state, startedAt }: PolicySessionOptions & { state: string; startedAt: number },
): void {
  const level = decision.kind === 'dunno' ? 'debug' : 'info';
  if (level === 'debug' && !logger.isDebug) return;
  logger[level]('policy.decided', {
    state: quotePeerText(state),
    sender: quotePeerText(question.sender),
    recipient: quotePeerText(question.recipient),
    login: quotePeerText(question.saslUsername),
    size: question.sizeBytes,
    action: formatAction(decision, texts),
    rule: rule ?? 'none',
    reason: decision.kind === 'dunno' ? undefined : decision.reason,
    instance: quotePeerText(question.instance),
    queue: quotePeerText(question.queueId),
    ms: Math.round(performance.now() - startedAt),
  });
}
