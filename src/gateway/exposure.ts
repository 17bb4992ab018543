/**
 * What of a Service clients may see: expose.tools.{allow,deny,rename}, and what the Plan has put into quarantine. Hidden tools
 * are also refused in calls: those that `expose` hides as unknown, those in quarantine in words of their own.
 * Patterns are names with `*` for any run of characters; an empty allow list allows all, deny wins.
 */
import { FairleadError } from '../base/error.ts';
import { fits } from '../base/pattern.ts';
import type { Expose } from '../model/service.ts';

export interface Exposure {
  /** Nothing is hidden or renamed: lists pass byte for byte. */
  readonly transparent: boolean;
  /** The name clients know a tool by, also of one in quarantine; null when `expose` hides it. */
  publicName(tool: string): string | null;
  /** The name that lists show a tool under; null when they don't. */
  listedName(tool: string): string | null;
  /** The service's own name of a tool that clients call, also of one in quarantine; null when there is none for them. */
  ownName(tool: string): string | null;
  /** Whether a tool, by the service's own name, is in quarantine. */
  quarantined(tool: string): boolean;
}

/** `quarantine`: tools by the service's own names. */
export function exposureOf(expose: Expose, quarantine: readonly string[] = []): Exposure {
  const { allow, deny, rename } = expose.tools;
  const renames = new Map(Object.entries(rename));
  const originals = new Map(Object.entries(rename).map(([own, shown]) => [shown, own]));
  const allowAll = allow.length === 0 || allow.includes('*');
  const visible = (tool: string): boolean =>
    (allowAll || allow.some((pattern) => fits(pattern, tool))) && !deny.some((pattern) => fits(pattern, tool));
  const quarantined = new Set(quarantine);
  const publicName = (tool: string): string | null => (visible(tool) ? (renames.get(tool) ?? tool) : null);
  return {
    transparent: allowAll && deny.length === 0 && renames.size === 0 && quarantined.size === 0,
    publicName,
    listedName: (tool) => (quarantined.has(tool) ? null : publicName(tool)),
    ownName: (tool) => {
      const own = originals.get(tool) ?? (renames.has(tool) ? null : tool);
      return own !== null && visible(own) ? own : null;
    },
    quarantined: (tool) => quarantined.has(tool),
  };
}

/** What is said to calls of a tool in quarantine. */
export function inQuarantine(service: string, tool: string): FairleadError {
  const text = `tool ${tool} of service ${service} is in quarantine: what the service offers changed without a commit. It is back when the change is approved in migration.contract.approved or gone`;
  return new FairleadError('ToolQuarantined', text, { data: { service, tool } });
}
