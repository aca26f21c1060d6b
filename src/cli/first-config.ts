/**
 * The configuration `postern init` writes: everything under one directory, unix sockets and unprivileged ports, one
 * embedded database. Every setting it leaves out has its default.
 */
import { join } from 'node:path';
import { formatIni } from '../config/write-ini.ts';
import { MAX_UNIX_PATH_BYTES } from '../core/endpoint.ts';

/** For directories with a name too long for a socket in them. */
const FALLBACK_PORTS = { auth: 12325, policy: 12340, lmtp: 12324, lookup: 12345 } as const;
const HTTP_ENDPOINT = 'inet:127.0.0.1:8080';

/** Writes the file for the absolute directory `dir`, which has no white space, comma or % in its name. */
export function writeFirstConfig({ dir, domain }: { readonly dir: string; readonly domain: string }): string {
  const listen = (name: keyof typeof FALLBACK_PORTS): { key: string; text: string }[] => {
    const path = join(dir, 'run', name);
    const isShort = Buffer.byteLength(path) <= MAX_UNIX_PATH_BYTES;
    return [{ key: 'listen', text: isShort ? `unix:${path}` : `inet:127.0.0.1:${FALLBACK_PORTS[name]}` }];
  };
  const mail = join(dir, 'mail');
  return formatIni([
    {
      name: 'postern',
      entries: [
        { key: 'hostname', text: `mail.${domain}` },
        { key: 'state_dir', text: join(dir, 'state') },
      ],
    },
    {
      name: 'mail',
      entries: [
        { key: 'home', text: join(mail, '%Ld', '%Ln') },
        { key: 'roots', text: mail },
      ],
    },
    { name: 'sasl', entries: listen('auth') },
    { name: 'policy', entries: listen('policy') },
    { name: 'lmtp', entries: listen('lmtp') },
    { name: 'lookup', entries: listen('lookup') },
    { name: 'http', entries: [{ key: 'listen', text: HTTP_ENDPOINT }] },
  ]);
}
