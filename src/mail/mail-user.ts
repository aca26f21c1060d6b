/**
 * An account as the mail store sees it. `directory/source.ts` Account fits it without conversion.
 */
import type { UserQuotaRule } from '../core/quota-rule.ts';

export interface MailUser {
  /** Canonical address. */
  readonly address: string;
  readonly home?: string | undefined;
  readonly mail?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly quota: readonly UserQuotaRule[];
}
