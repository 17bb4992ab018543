/** How the gateway names a service's tools, for the status API: the same functions that the gateway itself uses. */
import { exposureOf } from '../gateway/exposure.ts';
import { nameFor } from '../gateway/catalog.ts';
import type { Service } from '../model/service.ts';

const nothingTaken = new Map<string, unknown>();

/** null: the tool is hidden from clients. */
export function toolNames(service: Service, tool: string): { exposedAs: string; aggregatedAs: string } | null {
  const exposedAs = exposureOf(service.expose).publicName(tool);
  if (exposedAs === null) return null;
  return { exposedAs, aggregatedAs: nameFor(nothingTaken, service.expose.prefix, exposedAs, service.name) };
}
