/**
 * The notices Postern sends by itself, in English and German, and those an administrator puts in their place: a file
 * `KIND.LANGUAGE.txt`, or `KIND.txt` for every language, in `[mail] notice_folder`. One that cannot be used is said, and
 * the built-in one goes out instead: a mistake in a text silences nobody.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, errorCode } from '../core/errors.ts';
import { parseNotice, type NoticeTemplate } from './notice-text.ts';
import { BUILT_IN_NOTICES, NOTICE_VALUES, type NoticeKind, type NoticeLanguage } from './notice-words.ts';

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
    return parseNotice(BUILT_IN_NOTICES[language][kind], NOTICE_VALUES[kind]);
  };
  const templates = {
    'quota-warning': load('quota-warning'),
    'quota-room': load('quota-room'),
    'domain-quota-warning': load('domain-quota-warning'),
    'domain-quota-room': load('domain-quota-room'),
    'over-quota-refuse': load('over-quota-refuse'),
    'over-quota-hold': load('over-quota-hold'),
    'over-quota-end': load('over-quota-end'),
    'sender-suspended': load('sender-suspended'),
  };
  return { templates, faults };
}
