/** A Service written back as a manifest compiles to the same again. */
import { describe, expect, it } from 'vitest';
import { manifestText, maskedSpec, specOfService } from '../../src/manifest/spec.ts';
import { compileTexts, root, service } from './compile.ts';

const full = `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata: { name: full, labels: { team: a }, annotations: { note: b }, formerly: old }
spec:
  description: All of it, $\${params.x} too
  tags: [one]
  state: Inactive
  transport: http
  run:
    command: [node, "$\${HOME}", "\${instance.port}", "$\${instance.id}"]
    args: [--flag]
    cwd: sub
    env: { A: "1", DIR: "\${instance.dir}/$\${x}" }
    port: 8080
    path: /other
  replicas: 3
  session: { affinity: none, isolation: session }
  limits: { startTimeout: 1500ms, stopTimeout: 90s, drainTimeout: 2h, callTimeout: 1m, maxConcurrentCalls: 5, maxMessageBytes: 1500 }
  security: { sandbox: none }
  dependsOn: [{ service: db }]
  expose: { tools: { allow: [a], deny: [b], rename: { a: c } }, prefix: pre }
  health:
    interval: 5s
    checks:
      - { name: f, type: functional, tool: t, arguments: { q: "$\${x}", n: null }, expect: { contains: y, matches: z, equals: { a: [1] }, isError: true } }
      - { name: p, type: performance, p95: 1s, errorRate: 5%, minCalls: 7 }
      - { name: d, type: dependency, service: db }
      - { name: e, type: dependency, tcp: "localhost:1" }
    failureThreshold: 2
    successThreshold: 4
  migration: { progressDeadline: 3m, rollback: { automatic: false, window: 1 } }
`;

describe('a Service as a manifest', () => {
  it.each([
    ['with every field', full],
    ['with none but the least', service('least')],
    [
      'that is remote',
      service('far', '  transport: sse\n', '{ url: "https://example.com/sse?a=$${b}", headers: { X-A: b }, allowPrivate: true }'),
    ],
  ])('%s comes back as the same Service', (_, text) => {
    const { services, issues } = compileTexts({ 'a.yaml': text });
    expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    const [before] = services.values();
    for (const from of [undefined, root]) {
      const again = compileTexts({ 'b.yaml': manifestText(before!, from) });
      expect(again.issues.filter(({ severity }) => severity === 'error')).toEqual([]);
      const [after] = again.services.values();
      expect({ ...after, origin: null }).toEqual({ ...before, origin: null });
    }
  });

  it('shows no secret once masked, and everything else', () => {
    const [secretive] = compileTexts({
      'a.yaml': service('a', '', '{ command: [x, ghp_0123456789abcdefghij0123], env: { API_TOKEN: hunter2hunter2, LEVEL: info } }'),
    }).services.values();
    expect(maskedSpec(specOfService(secretive!))['run']).toEqual({
      command: ['x', '****'],
      cwd: root,
      env: { API_TOKEN: '****', LEVEL: 'info' },
    });
  });
});
