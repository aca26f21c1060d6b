/** Masks with `*` for any text and `?` for one character, as Dovecot matches mailboxes and users with them. */

/**
 * Whether `text` fits `mask`, case and all. Takes at most the product of the two lengths: no mask can make it slow in the
 * way a regular expression made of it could be.
 */
export function matchesMask(text: string, mask: string): boolean {
  return matches(takeCharacters(text), takeCharacters(mask));
}

/** Characters beyond the first 65,536 are one for `?` as well. */
function takeCharacters(text: string): ArrayLike<string> {
  return /[\uD800-\uDFFF]/.test(text) ? Array.from(text) : text;
}

function matches(text: ArrayLike<string>, mask: ArrayLike<string>): boolean {
  let at = 0;
  let maskAt = 0;
  // Where to go on when what follows the last asterisk does not fit: it takes one character more.
  let asteriskAt = -1;
  let takenTo = 0;
  while (at < text.length) {
    const wanted = mask[maskAt];
    if (wanted === '*') {
      asteriskAt = maskAt;
      takenTo = at;
      maskAt += 1;
    } else if (wanted === '?' || wanted === text[at]) {
      at += 1;
      maskAt += 1;
    } else if (asteriskAt === -1) {
      return false;
    } else {
      takenTo += 1;
      at = takenTo;
      maskAt = asteriskAt + 1;
    }
  }
  while (mask[maskAt] === '*') maskAt += 1;
  return maskAt === mask.length;
}
