/** The rows of `[quota]` and `[quota NAME]` in the settings table; `settings.ts` puts them into it. */
import { quotaGrace, quotaRule, quotaWarning, replyCode, replyText } from './mail-readers.ts';
import { choice, duration, size, yesNo } from './readers.ts';
import { numbered, restart } from './setting.ts';

/** Whoever wants more wants no limit. */
const MAX_MAIL_BYTES = 2 ** 40;
const MAX_OVER_QUOTA_MS = 366 * 86_400_000;

/** What every root has. */
const root = {
  rule: numbered(quotaRule, {
    default: '',
    words:
      'What may be kept: *:storage=1G:messages=10K for the account, Trash:storage=+10% for more in a mailbox, Spam:ignore for one that does not count; rule2, rule3 and so on are further rules, and storage without a unit counts KiB.',
  }),
  grace: restart(quotaGrace, {
    default: '10%',
    words: 'The one message that crosses the storage limit may go past it by this share of it, or this size.',
  }),
  warning: numbered(quotaWarning, {
    default: '',
    words:
      'A notice when usage gets there: storage=95%, messages=1K, -storage=100% for the way down. A command behind it, with a whole path, runs as well and knows %u, %n and %d. Of warning, warning2 and so on the first that is crossed counts: write the highest first.',
  }),
  noenforcing: restart(yesNo, {
    default: 'no',
    words: 'Count and never refuse.',
  }),
  ignoreunlimited: restart(yesNo, {
    default: 'no',
    words: 'Leave accounts without a limit alone: they are not counted and not shown.',
  }),
};

export const quota = {
  words:
    'How much an account may keep. Fields of a userdb replace rules for one account: quota_rule the first, quota_rule2 the second.',
  settings: {
    ...root,
    warning_mail: restart(yesNo, {
      default: 'yes',
      words: 'Warnings are put into the mailbox they are about, those of a domain into that of its postmaster.',
    }),
    over_quota_after: restart(duration({ min: 0, max: MAX_OVER_QUOTA_MS }), {
      default: '0s',
      words:
        'An account that is over quota for so long, such as 14d, gets no more mail until there is room; 0 is never.',
    }),
    over_quota_state: restart(choice(['refuse', 'hold'], 'state'), {
      default: 'refuse',
      words: 'Mail for it is refused (550), or held back at the sender (450).',
    }),
    max_mail_size: restart(size({ min: 0, max: MAX_MAIL_BYTES }), {
      default: '0',
      words: 'No message larger than this is kept, whatever the room; 0 is no limit.',
    }),
    exceeded_message: restart(replyText, {
      default: 'Quota exceeded (mailbox for user is full)',
      words: 'What the sender reads when a mailbox is full.',
    }),
    exceeded_code: restart(replyCode([552, 452]), {
      default: '552',
      words: 'Refuse mail for a full mailbox for good (552) or for now (452).',
    }),
  },
};

export const quotaRoot = {
  words:
    'A further quota root, beside [quota]: mail must have room in all of them. The first in the file is the one whose rules a userdb replaces by quota2_rule, quota2_rule2, the next by quota3_rule.',
  isOptional: true,
  settings: {
    scope: restart(choice(['user', 'domain'], 'scope'), {
      default: 'user',
      words: 'What is added up: the mail of the account, or of all accounts of its domain together.',
    }),
    ...root,
  },
};
