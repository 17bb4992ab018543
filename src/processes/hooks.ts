/** The webhook listener of a controller: which Source each hook wakes, and where its secret is. */
import type { Logger } from 'pino';
import type { Controller } from '../controller/controller.ts';
import { createHookServer, type Hook, type HookServer } from '../hooks/server.ts';
import type { SourceSettings, WebhookSettings } from '../model/source-settings.ts';
import { systemClock } from './clock.ts';
import { readSecret } from './secrets.ts';

/** Not listening yet. Hooks of Sources that are not git repositories there are none. */
export function openHooks(
  { host, port, hooks }: WebhookSettings,
  sources: readonly SourceSettings[],
  controller: Controller,
  log: Logger,
): HookServer {
  const byName = new Map<string, Hook>();
  for (const source of sources) {
    const hook = hooks[source.name];
    if (source.kind !== 'git' || hook === undefined) continue;
    const refresh = async (): Promise<void> => controller.source(source.name).poll();
    byName.set(source.name, { forge: hook.forge, ref: source.ref, secret: async () => readSecret(hook.secret), refresh });
  }
  return createHookServer({ host, port, hooks: byName, clock: systemClock, onProblem: (message, err) => log.error({ err }, message) });
}
