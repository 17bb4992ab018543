/**
 * `up`: runs the supervisor over a folder, tells what happens one line a transition, and drains on Ctrl-C. What it shows
 * it reads from the status API like anybody else, so it goes on through a restart of the controller.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventResource, Overview, ResourceList } from '../../model/resource.ts';
import type { SourceSettings } from '../../model/source-settings.ts';
import type { About } from '../../ports/read-model.ts';
import { ApiClient } from '../client.ts';
import type { Context, SupervisorEvent } from '../context.ts';
import { screenOf } from '../terminal.ts';
import { upSettings, type UpOptions } from '../up-settings.ts';
import { eventLine } from '../view/event-line.ts';
import { settledText } from '../view/up-text.ts';

/** Two signals within this time are one Ctrl-C: the terminal tells npm, the launcher and us at once. */
const oneKeyPressMs = 700;
const lookAgainMs = 200;

/** Exit code 0 after a clean stop. Throws NotFound for a folder that is not there, Refused for a listener beyond loopback. */
export async function up(context: Context, path: string | undefined, options: UpOptions): Promise<number> {
  const { terminal } = context;
  const settings = upSettings(context, path, options);
  const startedAt = terminal.now();
  const following = new AbortController();
  const ready = Promise.withResolvers<{ gatewayUrl: string; statusUrl: string }>();
  const supervision = await context.parts.supervise(settings, (event) => {
    if (event.kind === 'ready') ready.resolve(event);
    else terminal.err(processText(event));
  });
  terminal.out(
    `${terminal.paint.bold('Fairlead')} keeps ${whereFrom(settings.sources)} true. Data: ${settings.dataDir}. Ctrl-C drains and stops.\n`,
  );

  let stoppingSince: number | null = null;
  const release = terminal.onInterrupt(() => {
    if (stoppingSince !== null && terminal.now() - stoppingSince < oneKeyPressMs) return;
    terminal.out(
      stoppingSince === null
        ? 'Stopping: calls under way end, then every service stops. Ctrl-C again stops at once.\n'
        : 'Stopping at once.\n',
    );
    stoppingSince ??= terminal.now();
    void supervision.stop();
  });
  const log = ready.promise.then((urls) => {
    const api = new ApiClient(urls.statusUrl);
    const printed = { seq: 0 };
    return Promise.all([
      printEvents(context, api, startedAt, printed, following.signal),
      announce(context, api, urls, printed, following.signal),
    ]);
  });
  try {
    const code = await supervision.ended;
    terminal.out(code === 0 ? 'Stopped. Nothing of it runs any more.\n' : '');
    return code;
  } finally {
    following.abort();
    ready.promise.catch(() => {});
    log.catch(() => {});
    release();
  }
}

function whereFrom(sources: readonly SourceSettings[]): string {
  return sources.map((source) => (source.kind === 'folder' ? source.path : source.url)).join(', ');
}

function processText(event: Exclude<SupervisorEvent, { kind: 'ready' }>): string {
  if (event.kind === 'started') return '';
  const next =
    event.restartInMs === null ? '' : event.restartInMs === 0 ? '; it starts again now' : `; it starts again in ${event.restartInMs} ms`;
  return `The ${event.process} ended (${event.reason})${next}.\n`;
}

/** Prints Events as they come, over reconnects; those of an earlier run are not news. */
async function printEvents(context: Context, api: ApiClient, since: number, printed: { seq: number }, signal: AbortSignal): Promise<void> {
  const { terminal } = context;
  while (!signal.aborted) {
    try {
      const last = printed.seq === 0 ? undefined : String(printed.seq);
      for await (const { event, data } of api.stream('/api/v1/events?limit=1000', signal, last)) {
        if (event !== 'event') continue;
        const item = JSON.parse(data) as EventResource;
        printed.seq = item.spec.seq;
        if (Date.parse(item.spec.at) >= since) terminal.out(eventLine(item, screenOf(terminal), 20));
      }
    } catch {
      // The controller is being restarted; its supervisor says so.
    }
    await sleep(lookAgainMs, undefined, { signal }).catch(() => {});
  }
}

/** Once everything serves for the first time, and its last Event is printed, says how it stands and where. */
async function announce(
  context: Context,
  api: ApiClient,
  urls: { gatewayUrl: string; statusUrl: string },
  printed: { seq: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const overview = await api.get<Overview>('/api/v1/services/stats/overview').catch(() => null);
    const newest = await api.get<ResourceList<EventResource>>('/api/v1/events?limit=1').catch(() => null);
    const about = await api.get<About>('/api/v1/about').catch(() => null);
    if (overview?.serving === true && newest !== null && about !== null && printed.seq >= (newest.items[0]?.spec.seq ?? 0)) {
      // npm sets this for what it runs: `npm start` in a checkout, where `fairlead` alone is not on the PATH.
      const program = context.terminal.env['npm_lifecycle_event'] === undefined ? 'fairlead' : 'npx fairlead';
      context.terminal.out(settledText(overview, { ...urls, webhooksUrl: about.webhooksUrl }, program, context.terminal.paint));
      return;
    }
    await sleep(lookAgainMs, undefined, { signal }).catch(() => {});
  }
}
