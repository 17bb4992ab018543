/**
 * What of a Service clients may see: expose.tools.{allow,deny,rename}. Hidden tools are also refused in calls.
 * Patterns are names with `*` for any run of characters; an empty allow list allows all, deny wins.
 */
import { fits } from '../base/pattern.ts';
import type { Expose } from '../model/service.ts';

export interface Exposure {
  /** Nothing is hidden or renamed: lists pass byte for byte. */
  readonly transparent: boolean;
  /** The name clients know a tool by; null when it is hidden. */
  publicName(tool: string): string | null;
  /** The service's own name of a tool that clients call; null when there is none for them. */
  ownName(tool: string): string | null;
}

const cache = new WeakMap<Expose, Exposure>();

export function exposureOf(expose: Expose): Exposure {
  const cached = cache.get(expose);
  if (cached !== undefined) return cached;
  const { allow, deny, rename } = expose.tools;
  const renames = new Map(Object.entries(rename));
  const originals = new Map(Object.entries(rename).map(([own, shown]) => [shown, own]));
  const allowAll = allow.length === 0 || allow.includes('*');
  const visible = (tool: string): boolean =>
    (allowAll || allow.some((pattern) => fits(pattern, tool))) && !deny.some((pattern) => fits(pattern, tool));
  const exposure: Exposure = {
    transparent: allowAll && deny.length === 0 && renames.size === 0,
    publicName: (tool) => (visible(tool) ? (renames.get(tool) ?? tool) : null),
    ownName: (tool) => {
      const own = originals.get(tool) ?? (renames.has(tool) ? null : tool);
      return own !== null && visible(own) ? own : null;
    },
  };
  cache.set(expose, exposure);
  return exposure;
}
