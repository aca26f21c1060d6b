/** The thread that loads a large users file: plugs the meaning of fields into the driver, as `app-users.ts` does. */
import { parentPort, workerData } from 'node:worker_threads';
import { driverReaders } from './app-readers.ts';
import { answerLoad } from './store/passwd-file/load-thread.ts';
import type { LoadRequest } from './store/passwd-file/load.ts';

// The one who starts the thread is `load-thread.ts`, with a request.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const request = workerData as LoadRequest;
await answerLoad(request, {
  readers: driverReaders,
  post: (loaded, transfer) => parentPort?.postMessage(loaded, transfer),
});
