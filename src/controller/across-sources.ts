/**
 * What can only be seen of the Services of all sources together: circles of dependencies, one port or one prefix for two. Each
 * source alone has found nothing wrong, so nothing is refused: they are warned, and what cannot start tells itself. Pure.
 */
import { findAcross } from '../manifest/across.ts';
import { pathText } from '../manifest/place.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';

const codes: ReadonlySet<string> = new Set(['DependencyCycle', 'PortConflict', 'PrefixConflict']);

/** By source. `services`: those that count, each valid in its own source; at the place where each begins. */
export function acrossSources(services: ReadonlyMap<string, Service>): ReadonlyMap<string, readonly Issue[]> {
  const issues = findAcross(services, new Set(services.keys())).flatMap(({ service: name, finding }) => {
    if (!codes.has(finding.code)) return [];
    const { source, file, line } = services.get(name)!.origin;
    const { code, message, path, expected } = finding;
    const words = `${message} They are in different sources.`;
    const issue: Issue = { code, severity: 'warning', message: words, file, line, column: 1, path: pathText(path), subject: name };
    return [{ source, issue: expected === undefined ? issue : { ...issue, expected } }];
  });
  return new Map([...Map.groupBy(issues, ({ source }) => source)].map(([source, found]) => [source, found.map(({ issue }) => issue)]));
}
