/**
 * Mail comes in while it is being read: 10,000 deliveries over LMTP into mailboxes in which sessions of Debian's Dovecot
 * look, set flags, move, copy and expunge. In the end every message is where it belongs, as often as it belongs there,
 * under the UID it always had, and Dovecot has nothing to say about it. POSTERN_DELIVERIES takes another number.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ARCHIVE, BusyReader, listMessages, openFolder } from '../support/busy-reader.ts';
import { startDovecot, type Dovecot } from '../support/dovecot.ts';
import { MailboxLedger } from '../support/mailbox-ledger.ts';
import { addMailboxes, messageId, sampleMessage } from '../support/mail-site.ts';
import { Postern } from '../support/postern.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { createSystemFolder } from '../support/system-folder.ts';

const DELIVERIES = Number(process.env['POSTERN_DELIVERIES'] ?? 10_000);
const USERS = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.test`);
const SESSIONS = 2;
const CONNECTIONS = 8;
/** Delivered into by the detail of the address. */
const DETAIL = 'Work';
const FOLDERS = ['INBOX', DETAIL] as const;
/** Of every so many messages one goes to several users, to the folder, or is large. */
const SEVERAL = 5;
const TO_FOLDER = 7;
const LARGE = 100;
const LARGE_LINES = 2000;
const LIMIT_MS = 600_000;

/** One message and where it goes. */
interface Plan {
  readonly id: string;
  readonly users: readonly string[];
  readonly folder: (typeof FOLDERS)[number];
  readonly content: string;
}

/** As many messages as it takes for so many copies. */
function planDeliveries(count: number): Plan[] {
  const plans: Plan[] = [];
  for (let number = 0, copies = 0; copies < count; number += 1) {
    const isToSeveral = number % SEVERAL === 0;
    const first = number % USERS.length;
    const users = [...USERS, ...USERS].slice(first, first + (isToSeveral ? Math.min(3, count - copies) : 1));
    const id = `m${number}`;
    const tail = number % LARGE === 0 ? `${'x'.repeat(70)}\r\n`.repeat(LARGE_LINES) : '';
    const folder = number % TO_FOLDER === 0 ? DETAIL : 'INBOX';
    plans.push({ id, users, folder, content: sampleMessage(id) + tail });
    copies += users.length;
  }
  return plans;
}

describe(`${DELIVERIES} deliveries beside busy IMAP sessions`, { timeout: LIMIT_MS }, () => {
  const system = createSystemFolder();
  const ledgers = new Map(USERS.map((user) => [user, new MailboxLedger()]));
  const plans = planDeliveries(DELIVERIES);
  let postern: Postern;
  let dovecot: Dovecot;

  before(async () => {
    postern = new Postern({
      folder: system.path,
      socketDirectory: join(system.path, 'postern'),
      settings: {
        mail: { save_to_detail_mailbox: 'yes', lda_mailbox_autocreate: 'yes' },
        // Measured again and again meanwhile.
        quota: { rule: '*:storage=10G' },
      },
    });
    postern.run(['domain', 'add', 'example.test']);
    addMailboxes(postern, USERS);
    await postern.start();
    dovecot = await startDovecot({ folder: join(system.path, 'dovecot'), home: postern.home });
    for (const user of USERS) {
      const imap = await dovecot.login(user);
      for (const folder of [DETAIL, ARCHIVE]) await imap.command(`CREATE ${folder}`);
      await imap.logout();
    }
  });
  after(async () => {
    await dovecot.stop();
    await postern.stop();
    await system.remove();
  });

  function ledgerOf(user: string): MailboxLedger {
    const ledger = ledgers.get(user);
    assert.ok(ledger !== undefined);
    return ledger;
  }

  /** Takes plans until none is left; each of them must be accepted for all. */
  async function deliver(queue: Plan[]): Promise<void> {
    const client = await SmtpClient.connect({ path: join(postern.socketDirectory, 'lmtp') });
    await client.ehlo('LHLO');
    for (let plan = queue.shift(); plan !== undefined; plan = queue.shift()) {
      const { id, users, folder, content } = plan;
      const to = users.map((user) => (folder === 'INBOX' ? user : user.replace('@', `+${folder}@`)));
      const { data } = await client.send({ from: 'someone@remote.test', to, content });
      for (const [i, user] of users.entries()) {
        const reply = i === 0 ? data : await client.read();
        assert.equal(reply?.code, 250, `${id} for ${user}: ${reply?.text}`);
        ledgerOf(user).add(folder, id);
      }
    }
    await client.quit();
  }

  /** Works until all is delivered and nothing is left to do. */
  async function read(user: string, index: number, isDelivered: () => boolean): Promise<BusyReader> {
    const imap = await dovecot.login(user);
    const reader = new BusyReader({ imap, ledger: ledgerOf(user), folders: FOLDERS, index, sessions: SESSIONS });
    for (let hasWork = true; hasWork;) {
      const wasDelivered = isDelivered();
      hasWork = (await reader.round()) || !wasDelivered;
    }
    await imap.logout();
    return reader;
  }

  test('mail comes in while Dovecot looks, flags, moves, copies and expunges', async () => {
    let isDelivered = false;
    const reading = Promise.all(
      USERS.flatMap((user) => Array.from({ length: SESSIONS }, (_, i) => read(user, i, () => isDelivered))),
    );
    const queue = [...plans];
    const delivering = Promise.all(Array.from({ length: CONNECTIONS }, () => deliver(queue)));
    // Readers stop whatever comes of the deliveries.
    const settled = delivering.finally(() => {
      isDelivered = true;
    });
    const [readers] = await Promise.all([reading, settled]);
    // Of ten messages two are moved, two copied, and so on.
    for (const deed of ['fetch', 'flag', 'move', 'copy', 'expunge'] as const) {
      const count = readers.reduce((sum, { counts }) => sum + counts[deed], 0);
      assert.ok(count > DELIVERIES / 10, `${deed}: ${count} messages`);
    }
  });

  test('no message is missing or doubled, and none has another UID than before', async () => {
    for (const user of USERS) {
      const imap = await dovecot.login(user);
      for (const folder of [...FOLDERS, ARCHIVE]) {
        const uidValidity = await openFolder(imap, folder);
        const problems = ledgerOf(user).compare({ folder, uidValidity }, await listMessages(imap, 1));
        assert.deepEqual(problems, [], user);
      }
      await imap.logout();
    }
  });

  test('the files are what Dovecot shows, and nothing is left in tmp', () => {
    for (const user of USERS) {
      for (const folder of [...FOLDERS, ARCHIVE]) {
        const name = folder === 'INBOX' ? '' : folder;
        const ids = postern.messages(user, name).map(({ content }) => messageId(content));
        assert.deepEqual(ledgerOf(user).compareCopies(folder, ids), [], user);
        assert.deepEqual(readdirSync(join(postern.maildir(user, name), 'tmp')), [], `${user} ${folder}`);
      }
    }
  });

  test('neither Dovecot nor Postern complains', () => {
    assert.deepEqual(dovecot.complaints(), []);
    assert.equal(postern.of('lmtp.delivered').length > 0, true);
    postern.assertQuiet();
  });
});
