/**
 * Login names as they were typed, made into the names passdbs look up. Nothing is looked up here, and whether a name
 * exists plays no part. The order is Dovecot's (facts: names): the master is split off, the default domain appended,
 * characters translated, then checked, then the name is formatted, and what came of it is checked again.
 *
 * A name is brought into NFC before anything else: that turns some characters into ASCII ones (U+037E into a semicolon),
 * which must not happen behind a check.
 *
 * An address has many spellings (`"bob"@d.test`, `bob@d.test.`, a domain in its own script), and databases find the same user
 * by each. Filters, penalties and invented credentials go by the name, so that it leaves here in one of them.
 */
import { formatAddress, parseAddress } from '../core/address.ts';
import { parseCharacterSet } from '../core/character-set.ts';
import { expandVariables } from '../core/variables.ts';

export interface UsernameOptions {
  /** Template of the name passdbs are asked for, such as `%Lu`. */
  readonly format: string;
  /** The characters a name may have, as `username_chars` writes them; empty is every one that is no danger. */
  readonly allowedCharacters?: string | undefined;
  /** Pairs of characters, the first of which becomes the second. */
  readonly translation?: string | undefined;
  /** Appended to names without an `@`. */
  readonly defaultDomain?: string | undefined;
  /** Parts `user*master`. */
  readonly masterSeparator?: string | undefined;
}

/** What was typed. */
export interface TypedNames {
  readonly username: string;
  /** Whom to act as (authzid). */
  readonly authorizationId?: string | undefined;
  /** The name was not typed by a person, and no separator parts it: that of a certificate. */
  readonly isWhole?: boolean | undefined;
}

export interface NameContext {
  readonly service: string;
}

/** A name after formatting, and what it was made of. */
export interface FormattedName {
  readonly username: string;
  readonly typedName: string;
}

/** Who has to prove who they are. */
export interface LoginName extends FormattedName {
  /** Whom the login is for, when that is somebody else. */
  readonly target?: FormattedName | undefined;
}

/** `bad-username` can be nobody's name; `authorization-id` names nobody, or two different ones. */
export type NameFault = 'bad-username' | 'authorization-id';

/** A local part and a domain of the longest kind that `core/address.ts` takes. */
const MAX_USERNAME_BYTES = 509;

/** Control characters of every kind, separators of lines, marks that turn the order of text, and no characters at all. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Noncharacter_Code_Point}\uFEFF\uFFFD]/u;

export class UsernameReader {
  readonly #options: UsernameOptions;
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #translation: ReadonlyMap<string, string>;

  /** Throws RangeError for a set of characters that cannot be. */
  constructor(options: UsernameOptions) {
    const { allowedCharacters = '', translation = '' } = options;
    this.#options = options;
    this.#allowed = allowedCharacters === '' ? undefined : parseCharacterSet(allowedCharacters.normalize('NFC'));
    const characters = Array.from(translation);
    const pairs = characters.flatMap((from, i) => (i % 2 === 0 ? [[from, characters[i + 1] ?? from] as const] : []));
    this.#translation = new Map(pairs);
  }

  /** Reads who wants to log in, and as whom; or says what is wrong with the names. */
  read(typed: TypedNames, context: NameContext): LoginName | NameFault {
    const name = this.#split(typed, context);
    if (name === undefined) return 'bad-username';
    const { authorizationId = '' } = typed;
    if (authorizationId === '' || authorizationId === name.typedName) return name;
    const username = this.#format(authorizationId, context);
    if (username === undefined) return 'authorization-id';
    // Somebody else twice over must be the same one.
    if (name.target !== undefined) return name.target.username === username ? name : 'authorization-id';
    return withTarget(name, { username, typedName: authorizationId });
  }

  #split({ username: typed, isWhole = false }: TypedNames, context: NameContext): LoginName | undefined {
    const { masterSeparator } = this.#options;
    const at = masterSeparator === undefined || isWhole ? -1 : typed.indexOf(masterSeparator);
    const typedName = typed.slice(at + 1);
    const username = this.#format(typedName, context);
    if (username === undefined) return undefined;
    if (at === -1) return { username, typedName };
    const typedTarget = typed.slice(0, at);
    const target = this.#format(typedTarget, context);
    return target === undefined
      ? undefined
      : withTarget({ username, typedName }, { username: target, typedName: typedTarget });
  }

  #format(typed: string, { service }: NameContext): string | undefined {
    // The limit comes first: normalising costs more than the length of what is normalised.
    if (!isName(typed)) return undefined;
    const whole = this.#appendDomain(typed.normalize('NFC'));
    const user = this.#translate(whole);
    if (!isName(user) || !this.#isAllowed(user)) return undefined;
    const name = expandVariables(this.#options.format, { user, service }).normalize('NFC');
    return isName(name) ? spellOnce(name) : undefined;
  }

  #appendDomain(name: string): string {
    const { defaultDomain } = this.#options;
    return defaultDomain === undefined || name.includes('@') ? name : `${name}@${defaultDomain}`;
  }

  #translate(name: string): string {
    if (this.#translation.size === 0) return name;
    return Array.from(name, (character) => this.#translation.get(character) ?? character).join('');
  }

  #isAllowed(name: string): boolean {
    const allowed = this.#allowed;
    return allowed === undefined || Array.from(name).every((character) => allowed.has(character));
  }
}

/** Who acts as themselves acts as nobody else. */
function withTarget(name: FormattedName, target: FormattedName): LoginName {
  return name.username === target.username ? name : { ...name, target };
}

/** The one spelling of an address, its case kept; undefined for quotes within quotes, which have no last one. */
function spellOnce(name: string): string | undefined {
  const spelled = spell(name);
  return isName(spelled) && spell(spelled) === spelled ? spelled : undefined;
}

function spell(name: string): string {
  const address = parseAddress(name);
  return address === undefined ? name : formatAddress(address);
}

function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= MAX_USERNAME_BYTES && !FORBIDDEN.test(text);
}
