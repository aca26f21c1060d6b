/** A TCP port on loopback that nobody listens on now. */
import { createServer } from 'node:net';

/** Asks the kernel for a port and gives it back at once; the kernel does not hand it out again for a while. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('Cannot find a free port'));
        else resolve(address.port);
      });
    });
  });
}
