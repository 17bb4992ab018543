/** What `up` says once everything has settled: how it stands, the two URLs, and what to try next. Pure. */
import type { Overview } from '../../model/resource.ts';
import type { Paint } from './paint.ts';

/** `program` is how this person calls Fairlead: `fairlead`, or `npx fairlead` in a checkout. */
export function settledText(overview: Overview, urls: { gatewayUrl: string; statusUrl: string }, program: string, paint: Paint): string {
  const { states, total } = overview;
  const failed = states.Error ?? 0;
  const first = overview.troubles[0]?.service ?? 'NAME';
  const counted = Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`);
  const lines = ['', total === 0 ? paint.warn('No service is declared here yet.') : `${counted.join(', ')}; ${overview.tools} tools.`];
  for (const { service, message } of overview.troubles) lines.push(`  ${paint.bad(service)}: ${message.split('\n')[0]}`);
  lines.push(
    '',
    `  MCP endpoint  ${paint.bold(`${urls.gatewayUrl}/mcp`)}`,
    `  Status API    ${paint.bold(`${urls.statusUrl}/api/v1/services`)}`,
    '',
    total === 0
      ? `Try next: put a manifest into a source (${program} validate checks it first).`
      : failed > 0
        ? `Try next: ${program} describe ${first.startsWith('source ') ? first : `service ${first}`}`
        : `Try next, in another terminal: ${program} get services · ${program} tools · change a manifest and watch here.`,
    '',
  );
  return `${lines.join('\n')}\n`;
}
