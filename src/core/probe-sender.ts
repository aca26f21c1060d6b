/**
 * Knows the senders with which Postfix's verify(8) probes addresses: `double-bounce@`, to which
 * `address_verify_sender_ttl` adds a time in letters and digits (RULES 20). A hint, not a proof: Postfix sends notices
 * to the postmaster in the same name.
 */

const TIME_SUFFIX = /^[0-9A-Za-z]{0,16}$/;

/** A judge of envelope senders, for the local parts of `[mail] probe_senders`. */
export function createProbeSenderTest(localParts: readonly string[]): (sender: string) => boolean {
  const starts = localParts.map((local) => local.toLowerCase());
  return (sender) => {
    const at = sender.lastIndexOf('@');
    const local = (at === -1 ? sender : sender.slice(0, at)).toLowerCase();
    return starts.some((start) => local.startsWith(start) && TIME_SUFFIX.test(local.slice(start.length)));
  };
}
