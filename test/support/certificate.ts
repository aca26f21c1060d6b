/** A self-signed certificate for the servers of the tests. */
import { join } from 'node:path';
import { requirePeer, runTool } from './system-folder.ts';

const OPENSSL = '/usr/bin/openssl';

/** Makes key and certificate for `hostname` in `folder`, both PEM. */
export function createCertificate(folder: string, hostname: string): { keyFile: string; certificateFile: string } {
  requirePeer(OPENSSL, 'openssl');
  const keyFile = join(folder, 'key.pem');
  const certificateFile = join(folder, 'cert.pem');
  // An elliptic key: an RSA key can take a second to find.
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const name = ['-subj', `/CN=${hostname}`, '-addext', `subjectAltName=DNS:${hostname}`];
  runTool(OPENSSL, ['req', '-x509', ...key, '-out', certificateFile, '-days', '2', ...name]);
  return { keyFile, certificateFile };
}
