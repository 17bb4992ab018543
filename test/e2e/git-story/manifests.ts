/** The manifests of the story: a template, two services that extend it, and one that does not. */
import { join } from 'node:path';
import { manifestOf } from '../stand.ts';

const echoServer = join(import.meta.dirname, '../../fixtures/echo-server.ts');

/** Replaces what differs from one machine and one run to the next. */
export function withoutPlaces(text: string): string {
  return text
    .replaceAll(process.execPath, 'node')
    .replaceAll(echoServer, 'echo-server.ts')
    .replaceAll(/(`(?:files|weather)-)[0-9a-f]{8}`/g, '$1<revision>`')
    .replaceAll(/\b((?:files|weather)-)[0-9a-f]{8}\b/g, '$1<revision>')
    .replaceAll(/\b[0-9a-f]{12}\b/g, '<commit>')
    .replaceAll(/\b[0-9a-f]{16}\b/g, '<token>');
}

export function template(tag: string): string {
  return `apiVersion: fairlead.dev/v1alpha1
kind: ServiceTemplate
metadata: { name: echo }
params:
  tag: { type: string, default: ${tag} }
  mode: { type: string, default: ok }
spec:
  type: server
  transport: stdio
  run:
    command: ["${process.execPath}", "${echoServer}"]
    args: [--service, "\${service.name}", --tag, "\${params.tag}", --mode, "\${params.mode}"]
  limits: { startTimeout: 90s, stopTimeout: 5s, drainTimeout: 5s }
  health:
    interval: 2s
    checks: [{ name: well, type: functional, tool: check, arguments: {}, expect: { contains: all fine } }]
  migration:
    strategy: canary
    canary:
      steps: [{ setWeight: 50 }, { analysis: { for: 2s } }]
      # The bad one fails every fifth call: with 20 of them there is no doubt.
      analysis: { interval: 500ms, minCalls: 20, failureLimit: 0, checks: [{ errorRate: { max: 2% } }] }
`;
}

/** A service that is what the template says, but for the params that are given. */
export function service(name: string, params: Readonly<Record<string, string>> = {}): string {
  const own = Object.keys(params).length === 0 ? '' : `  params: ${JSON.stringify(params)}\n`;
  return `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  extends: [echo]\n${own}`;
}

/** One that has nothing to do with the template. */
export function clock(): string {
  return manifestOf({ name: 'clock', transport: 'stdio', tag: 'r1' }, '');
}
