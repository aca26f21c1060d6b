/** Mails of our own making. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadNotices } from '../../../src/mail/notice-templates.ts';
import { NOTICE_LANGUAGES, NOTICE_VALUES, type NoticeKind } from '../../../src/mail/notice-words.ts';
import { formatNotice, parseNotice } from '../../../src/mail/notice-text.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ENVELOPE = {
  to: 'bob@example.com',
  from: 'postmaster@mx.example.com',
  hostname: 'mx.example.com',
  id: '42.7',
  atMs: Date.UTC(2026, 10, 2, 10),
};

describe('formatNotice', () => {
  it('writes a whole mail that nobody answers', () => {
    const notice = parseNotice('Subject: %{user} is full\n\nDear %{user},\r\n100 %% is all.\n\n', ['user']);
    assert.equal(
      formatNotice(notice, { user: 'bob' }, ENVELOPE).toString(),
      [
        'Date: Mon, 02 Nov 2026 10:00:00 +0000',
        'From: postmaster@mx.example.com',
        'To: bob@example.com',
        'Subject: bob is full',
        'Message-ID: <42.7@mx.example.com>',
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: 8bit',
        'Auto-Submitted: auto-generated',
        '',
        'Dear bob,',
        '100 % is all.',
        '',
      ].join('\n'),
    );
  });

  it('encodes a subject that is not ASCII in words of whole characters', () => {
    const subject = 'Postfächer fülle ich gern mit längeren Sätzen und mit 🎉🎉🎉🎉🎉🎉🎉🎉';
    const text = formatNotice(parseNotice(`Subject: ${subject}\n\nx`, []), {}, ENVELOPE).toString();
    const header = /^Subject: (.*(?:\n .*)*)$/m.exec(text)?.[1] ?? '';
    const words = header.split('\n ');
    assert.ok(words.every((word) => word.length <= 75 && /^=\?utf-8\?B\?[A-Za-z0-9+/=]+\?=$/.test(word)));
    const decoded = words.map((word) => Buffer.from(word.slice('=?utf-8?B?'.length, -2), 'base64').toString());
    assert.equal(decoded.join(''), subject);
    assert.ok(decoded.every((word) => !word.includes('\uFFFD')));
  });

  it('lets no value add a header or pass for an encoded word', () => {
    const notice = parseNotice('Subject: %{user}\n\n', ['user']);
    const subjectOf = (user: string): string =>
      formatNotice(notice, { user }, ENVELOPE)
        .toString()
        .split('\n')
        .find((line) => line.startsWith('Subject: ')) ?? '';
    assert.equal(subjectOf('a\r\nBcc: x@y'), 'Subject: a Bcc: x@y');
    assert.match(subjectOf('=?utf-8?Q?x?='), /^Subject: =\?utf-8\?B\?/);
  });
});

describe('parseNotice', () => {
  for (const text of [
    '',
    'no subject\n\nbody',
    'Subject: x\nbody at once',
    'Subject: %{nobody}\n\n',
    'Subject: x\n\n95 %',
    'Subject: x\n\n%Lu',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseNotice(text, ['user']), SyntaxError));
  }
});

describe('loadNotices', () => {
  it('has every kind in every language', () => {
    for (const language of NOTICE_LANGUAGES) {
      const { templates, faults } = loadNotices(undefined, language);
      assert.deepEqual(faults, []);
      assert.deepEqual(Object.keys(templates), Object.keys(NOTICE_VALUES));
    }
  });

  it('takes files of the language first, then for all languages, and the built-in one for a broken file', (t) => {
    const folder = join(temporaryFolder(t), 'notices');
    mkdirSync(folder);
    const subjects = (language: 'en' | 'de'): string[] => {
      const { templates, faults } = loadNotices(folder, language);
      const values = Object.fromEntries(NOTICE_VALUES['quota-warning'].map((name) => [name, name]));
      const subject = (kind: NoticeKind): string =>
        /^Subject: (.*)$/m.exec(formatNotice(templates[kind], values, ENVELOPE).toString())?.[1] ?? '';
      return [subject('quota-warning'), subject('quota-room'), ...faults];
    };
    writeFileSync(join(folder, 'quota-warning.txt'), 'Subject: ours\n\n');
    writeFileSync(join(folder, 'quota-warning.de.txt'), '\uFEFFSubject: unsere\n\n');
    writeFileSync(join(folder, 'quota-room.txt'), 'Subject: %{colour}\n\n');
    const fault =
      'quota-room.txt: Cannot use "%{colour}" in a notice: there are %{user} %{hostname} %{percent} %{used} %{limit} %{messages} %{messages_limit}';
    assert.deepEqual(subjects('en'), ['ours', 'There is room in your mailbox again', fault]);
    assert.deepEqual(subjects('de'), ['unsere', 'In Ihrem Postfach ist wieder Platz', fault]);
  });
});
