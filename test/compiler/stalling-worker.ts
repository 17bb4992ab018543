/** The compiler's worker with a fault built in: a file with `# STALL` in it never ends, one with `# EXIT` ends the thread. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Request, SentFile, WorkerData } from '../../src/compiler/protocol.ts';
import { CompilerServer } from '../../src/compiler/serve.ts';

const { progress } = workerData as WorkerData;
const steps = new Int32Array(progress);
const server = new CompilerServer(progress);

function suffer(files: readonly SentFile[]): void {
  for (const file of files) {
    if (file.condemned) continue;
    Atomics.store(steps, 0, file.number);
    Atomics.add(steps, 1, 1);
    const text = new TextDecoder().decode(file.bytes);
    if (text.includes('# EXIT')) process.exit(1);
    // Busy, as what stalls a compiler is, and without making anything: a thread that is ended while it does may take the process along.
    while (text.includes('# STALL'));
  }
}

parentPort!.on('message', (request: Request) => {
  suffer([...request.delta.files, ...(request.task.kind === 'preview' ? request.task.files : [])]);
  parentPort!.postMessage(server.answer(request));
});
parentPort!.postMessage({ kind: 'ready' });
