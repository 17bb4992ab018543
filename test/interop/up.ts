/** A whole Fairlead over manifests of a temporary folder, as a user starts it: `fairlead up`, on ports of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '../..');
const pollMs = 100;

export interface Up {
  /** Without a path. */
  readonly gatewayUrl: string;
  stop(): Promise<void>;
}

/** File name → manifest. Resolves when every one of `services` has a tool at `/mcp`; rejects with the log when that takes longer. */
export async function up(manifests: Readonly<Record<string, string>>, services: readonly string[], timeoutMs = 180_000): Promise<Up> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-interop-'));
  for (const [name, text] of Object.entries(manifests)) writeFileSync(join(folder, name), text);
  const args = [join(projectRoot, 'bin/fairlead.cjs'), 'up', folder, '--gateway', '127.0.0.1:0', '--status', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const until = Date.now() + timeoutMs;
  while (Date.now() < until && child.exitCode === null) {
    const gatewayUrl = gatewayOf(folder);
    if (gatewayUrl !== null && (await served(gatewayUrl, services))) return { gatewayUrl, stop };
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  await stop();
  throw new Error(`not all of ${services.join(', ')} came up:\n${log}`);
}

function gatewayOf(folder: string): string | null {
  try {
    const run = JSON.parse(readFileSync(join(folder, '.fairlead/run.json'), 'utf8')) as { gatewayUrl: string | null };
    return run.gatewayUrl === null ? null : new URL(run.gatewayUrl).origin;
  } catch {
    return null;
  }
}

async function served(gatewayUrl: string, services: readonly string[]): Promise<boolean> {
  try {
    const { tools } = (await (await fetch(`${gatewayUrl}/api/v1/tools`)).json()) as { tools: { service: string }[] };
    return services.every((service) => tools.some((tool) => tool.service === service));
  } catch {
    return false;
  }
}
