/**
 * An LMTP service in a process of its own, for tests that watch its system calls or kill it. Arguments: a folder with
 * `mail` and `state` in it. Prints `ready PID` when it listens on `FOLDER/lmtp`.
 */
import { LmtpTestServer } from './lmtp-server.ts';
import { TestStore } from './mail-store.ts';
import { nodeFileSystem } from '../../src/mail/node-file-system.ts';

const folder = process.argv[2] ?? '';
const store = new TestStore(folder, { files: nodeFileSystem });
await store.store.start();
const server = new LmtpTestServer(folder, store, {});
await server.service.bind();
await server.service.start();
process.stdout.write(`ready ${process.pid}\n`);
