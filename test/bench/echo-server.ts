/**
 * Sends back what comes, on the unix socket named by its argument: how fast the load generator is when the server does
 * nothing. Ends when its parent does.
 */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => socket.write(chunk));
});
server.listen(process.argv[2], () => process.send?.('ready'));
process.once('disconnect', () => process.exit(0));
