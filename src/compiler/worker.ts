/** The compiler's worker thread: requests in, answers out, one at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Request, WorkerData } from './protocol.ts';
import { CompilerServer } from './serve.ts';

const port = parentPort;
if (port === null) throw new Error('compiler/worker.ts runs as a worker thread only');
const server = new CompilerServer((workerData as WorkerData).progress);
port.on('message', (request: Request) => port.postMessage(server.answer(request)));
port.postMessage({ kind: 'ready' } satisfies Answer);
