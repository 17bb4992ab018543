/** The command line's composition root: the verbs, with the supervisor and the admin client loaded when a verb needs them. */
import { main as runCommandLine } from '../cli/main.ts';

/** Runs one command line in this process and leaves its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  await runCommandLine(argv, {
    supervise: async (settings, onEvent) => (await import('./supervisor.ts')).supervise(settings, onEvent),
    connectAdmin: async (socketPath) => (await import('../admin/client.ts')).connectAdmin(socketPath),
  });
}
