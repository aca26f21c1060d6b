/**
 * The notices Postern sends by itself, in English and German, and those an administrator puts in their place: a file
 * `KIND.LANGUAGE.txt`, or `KIND.txt` for every language, in `[mail] notice_folder`. One that cannot be used is said, and
 * the built-in one goes out instead: a mistake in a text silences nobody.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, errorCode } from '../core/errors.ts';
import { parseNotice, type NoticeTemplate } from './notice-text.ts';

/** What each kind is about, and the values its text may use. */
export const NOTICE_VALUES = {
  /** To the owner: the mailbox fills up. */
  'quota-warning': ['user', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
  /** To the owner: there is room again. */
  'quota-room': ['user', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
} as const;

export type NoticeKind = keyof typeof NOTICE_VALUES;

export const NOTICE_LANGUAGES = ['en', 'de'] as const;
export type NoticeLanguage = (typeof NOTICE_LANGUAGES)[number];

const BUILT_IN: Readonly<Record<NoticeLanguage, Readonly<Record<NoticeKind, string>>>> = {
  en: {
    'quota-warning': `Subject: Your mailbox is %{percent} %% full

The mailbox of %{user} is %{percent} %% full: %{used} of %{limit}.

When it is full, new mail for you is refused. Please delete what you no
longer need, and empty the trash.

This message was made by the mail system at %{hostname}.
`,
    'quota-room': `Subject: There is room in your mailbox again

The mailbox of %{user} is %{percent} %% full now: %{used} of %{limit}.
It takes new mail again.

This message was made by the mail system at %{hostname}.
`,
  },
  de: {
    'quota-warning': `Subject: Ihr Postfach ist zu %{percent} %% voll

Das Postfach %{user} ist zu %{percent} %% voll: %{used} von %{limit}.

Ist es ganz voll, wird neue Post an Sie abgewiesen. Bitte löschen Sie,
was Sie nicht mehr brauchen, und leeren Sie den Papierkorb.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'quota-room': `Subject: In Ihrem Postfach ist wieder Platz

Das Postfach %{user} ist jetzt zu %{percent} %% voll: %{used} von %{limit}.
Es nimmt wieder neue Post an.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
  },
};

export type NoticeTemplates = Readonly<Record<NoticeKind, NoticeTemplate>>;

export interface LoadedNotices {
  readonly templates: NoticeTemplates;
  /** Files that cannot be used, a sentence each. */
  readonly faults: readonly string[];
}

/** Reads the templates of one language; `folder` undefined for the built-in ones. */
export function loadNotices(folder: string | undefined, language: NoticeLanguage): LoadedNotices {
  const faults: string[] = [];
  const load = (kind: NoticeKind): NoticeTemplate => {
    for (const name of folder === undefined ? [] : [`${kind}.${language}.txt`, `${kind}.txt`]) {
      try {
        return parseNotice(readFileSync(join(folder ?? '', name), 'utf8'), NOTICE_VALUES[kind]);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') faults.push(`${name}: ${describeError(error)}`);
      }
    }
    return parseNotice(BUILT_IN[language][kind], NOTICE_VALUES[kind]);
  };
  return { templates: { 'quota-warning': load('quota-warning'), 'quota-room': load('quota-room') }, faults };
}
