/** What `up` says once everything has settled: how it stands, the URLs, and what to try next. Pure. */
import type { Overview } from '../../model/resource.ts';
import type { About } from '../../ports/read-model.ts';
import type { Paint } from './paint.ts';

export type Urls = Pick<About, 'gatewayUrl' | 'statusUrl' | 'webhooksUrl'>;

/** `program` is how this person calls Fairlead: `fairlead`, or `npx fairlead` in a checkout. */
export function settledText(overview: Overview, urls: Urls, program: string, paint: Paint): string {
  const { states, total } = overview;
  const failed = states.Error ?? 0;
  // One of a source begins with that word.
  const first = overview.troubles[0]?.service ?? 'NAME';
  const unread = first.startsWith('source ');
  const counted = Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`);
  const none = paint.warn(unread ? 'No service is known yet.' : 'No service is declared here yet.');
  const lines = ['', total === 0 ? none : `${counted.join(', ')}; ${overview.tools} ${overview.tools === 1 ? 'tool' : 'tools'}.`];
  for (const { service, message } of overview.troubles) lines.push(`  ${paint.bad(service)}: ${message.split('\n')[0]}`);
  lines.push(
    '',
    `  MCP endpoint  ${paint.bold(`${urls.gatewayUrl}/mcp`)}`,
    `  Status API    ${paint.bold(`${urls.statusUrl}/api/v1/services`)}`,
    ...(urls.webhooksUrl === null ? [] : [`  Webhooks      ${paint.bold(`${urls.webhooksUrl}/SOURCE`)}`]),
    '',
    unread || failed > 0
      ? `Try next: ${program} describe ${unread ? first : `service ${first}`}`
      : total === 0
        ? `Try next: put a manifest into a source (${program} validate checks it first).`
        : `Try next, in another terminal: ${program} get services · ${program} tools · change a manifest and watch here.`,
    '',
  );
  return `${lines.join('\n')}\n`;
}
