/** Generated from schemas/service.schema.json by `npm run generate:types`. Edit the schema, not this file. */

/**
 * Lower-case letters, digits and dashes, starting and ending with a letter or digit; at most 40 characters.
 */
export type Name = string;
/**
 * Lower-case letters, digits and dashes, starting and ending with a letter or digit; at most 40 characters.
 */
export type Name1 = string;
/**
 * ServiceTemplates to inherit from, left to right; later ones win, and this manifest wins over all.
 *
 * @maxItems 32
 */
export type Templates = Name[];
/**
 * From start to a completed MCP handshake.
 */
export type Duration = string;
/**
 * For a process to end by itself before it is killed.
 */
export type Duration1 = string;
/**
 * For client sessions to leave an instance that is to stop.
 */
export type Duration2 = string;
/**
 * For one call, waiting for an instance included.
 */
export type Duration3 = string;
/**
 * Largest MCP message either way.
 */
export type Size = string | number;
/**
 * Memory of one instance. Not enforced for processes yet.
 */
export type Size1 = string | number;
/**
 * Time between two rounds of checks.
 */
export type Duration4 = string;
/**
 * basic: it answers a ping. functional: a real tool call gives what is expected. performance: limits on the calls it serves. dependency: something it needs can be reached.
 */
export type Check = BasicCheck | FunctionalCheck | PerformanceCheck | DependencyCheck;
/**
 * Names the check; templates and services merge checks by it.
 */
export type CheckName = string;
/**
 * A number with a unit (ms, s, m, h, d), or several: `250ms`, `30s`, `1m30s`.
 */
export type Duration5 = string;
/**
 * A number with a unit (ms, s, m, h, d), or several: `250ms`, `30s`, `1m30s`.
 */
export type Duration6 = string;
/**
 * A number with a unit (ms, s, m, h, d), or several: `250ms`, `30s`, `1m30s`.
 */
export type Duration7 = string;
/**
 * 19 of 20 calls are answered within this.
 */
export type Duration8 = string;
/**
 * Largest share of calls that may fail.
 */
export type Share = string | number;
/**
 * A number with a unit (ms, s, m, h, d), or several: `250ms`, `30s`, `1m30s`.
 */
export type Duration9 = string;
/**
 * Lower-case letters, digits and dashes, starting and ending with a letter or digit; at most 40 characters.
 */
export type Name2 = string;
/**
 * A target that makes no progress by then has failed. Pauses, analyses and waiting for people do not count.
 */
export type Duration10 = string;
/**
 * A Revision that becomes unhealthy within this time after its promotion is taken back; 0s: never.
 */
export type Duration11 = string;
/**
 * Lower-case letters, digits and dashes, starting and ending with a letter or digit; at most 40 characters.
 */
export type Name3 = string;
/**
 * Instances beyond `replicas` that may run meanwhile; a share is rounded up.
 */
export type Amount = number | string;
/**
 * Instances below `replicas` that may serve meanwhile; a share is rounded down.
 */
export type Amount1 = number | string;
/**
 * How long the Revision before runs on after the switch, for an instant return; 0s: not at all.
 */
export type Duration12 = string;
/**
 * How long; until `fairlead rollout promote` when left out.
 */
export type Duration13 = string;
/**
 * How long calls are gathered before this step is decided.
 */
export type Duration14 = string;
/**
 * How long calls are mirrored.
 */
export type Duration15 = string;
/**
 * Largest share of answers that may differ; when left out differences are listed, no more.
 */
export type Percentage = string;
/**
 * Time between two measurements, 100ms at least.
 */
export type Duration16 = string;
/**
 * Largest share that may fail.
 */
export type Percentage1 = string;
/**
 * Largest share against stable's over the same time.
 */
export type Factor = string;
/**
 * Longest time.
 */
export type Duration17 = string;
/**
 * Longest time against stable's over the same time.
 */
export type Factor1 = string;
/**
 * Address of the Prometheus server.
 */
export type MetricUrl = string;
/**
 * Smallest value that passes.
 */
export type MetricLimit = number | string;
/**
 * Largest value that passes.
 */
export type MetricLimit1 = number | string;
/**
 * For the answer.
 */
export type Duration18 = string;
/**
 * Address to ask.
 */
export type MetricUrl1 = string;
/**
 * Smallest value that passes.
 */
export type MetricLimit2 = number | string;
/**
 * Largest value that passes.
 */
export type MetricLimit3 = number | string;
/**
 * For the answer.
 */
export type Duration19 = string;

/**
 * One MCP service that Fairlead keeps running and serves through its gateway.
 */
export interface ServiceManifest {
  /**
   * For editors of JSON files; Fairlead does not read it.
   */
  $schema?: string;
  /**
   * Version of the manifest format.
   */
  apiVersion: 'fairlead.dev/v1alpha1';
  kind: 'Service';
  metadata: Metadata;
  spec: ServiceSpec;
}
/**
 * Name and labels.
 */
export interface Metadata {
  name: Name;
  labels?: Labels;
  annotations?: Labels1;
  formerly?: Name1;
}
/**
 * Words to select by: `fairlead get services -l team=platform`.
 */
export interface Labels {
  [k: string]: string;
}
/**
 * Notes for people and tools; Fairlead keeps them and acts on none.
 */
export interface Labels1 {
  [k: string]: string;
}
/**
 * What the service is, how it runs and how it is watched. Everything has a default but a way to run (`run.command` or `run.url`).
 */
export interface ServiceSpec {
  extends?: Templates;
  params?: Parameters;
  /**
   * What the service is for, for people and agents.
   */
  description?: string;
  /**
   * Words to find the service by.
   *
   * @maxItems 100
   */
  tags?: string[];
  /**
   * The desired state. Draft: known and checked, not deployed. Active: runs. Inactive: stopped, kept.
   */
  state?: 'Draft' | 'Active' | 'Inactive';
  /**
   * server: Fairlead runs it. remote: it runs elsewhere and is reached by `run.url`. Follows from `run` when left out.
   */
  type?: 'server' | 'remote';
  /**
   * How MCP is spoken with the service. stdio for processes and http for remotes unless told otherwise.
   */
  transport?: 'stdio' | 'http' | 'sse';
  /**
   * Where it runs. A remote service needs none.
   */
  runtime?: 'process';
  run?: Run;
  /**
   * Two instances never live side by side: on a change calls wait while one stops and the other starts. A fixed `run.port` implies it.
   */
  exclusive?: boolean;
  /**
   * How many instances run.
   */
  replicas?: number | string;
  session?: Session;
  limits?: Limits;
  security?: Security;
  /**
   * Services that must be Ready before this one is deployed.
   *
   * @maxItems 100
   */
  dependsOn?: Dependency[];
  expose?: Expose;
  health?: Health;
  migration?: Migration;
}
/**
 * Values for the parameters that the templates declare; used as `${params.name}`.
 */
export interface Parameters {
  [k: string]: unknown;
}
/**
 * A way to run: `command` for a process, `url` for a remote service.
 */
export interface Run {
  /**
   * The program and its first arguments, as a list. Never a shell line.
   *
   * @minItems 1
   * @maxItems 1000
   */
  command?: string[];
  /**
   * Arguments after `command`; kept apart so that templates can give the program and services the arguments.
   *
   * @maxItems 1000
   */
  args?: string[];
  /**
   * Working directory, relative to the folder of manifests (the source's root).
   */
  cwd?: string;
  /**
   * The whole environment besides PATH, HOME and the like: nothing else of Fairlead's own is passed on.
   */
  env?: {
    [k: string]: string;
  };
  /**
   * http and sse: `auto` picks a free port, given to the process as ${instance.port}; a number is fixed, and makes the service exclusive.
   */
  port?: string | number;
  /**
   * http and sse: path of the MCP endpoint.
   */
  path?: string;
  /**
   * Remote: address of the MCP endpoint.
   */
  url?: string;
  /**
   * Remote: headers sent with every request.
   */
  headers?: {
    [k: string]: string;
  };
  /**
   * Remote: allow private, loopback and link-local addresses, which are refused otherwise.
   */
  allowPrivate?: boolean;
}
/**
 * How client sessions meet instances.
 */
export interface Session {
  /**
   * session: one client session stays on one instance. none: each call may go to any.
   */
  affinity?: 'session' | 'none';
  /**
   * shared: one process serves all client sessions. session: a process of its own for each.
   */
  isolation?: 'shared' | 'session';
}
/**
 * Time-outs and bounds. memory, cpu and pids are known but not enforced for processes yet.
 */
export interface Limits {
  startTimeout?: Duration;
  stopTimeout?: Duration1;
  drainTimeout?: Duration2;
  callTimeout?: Duration3;
  /**
   * Calls under way at once on one instance.
   */
  maxConcurrentCalls?: number | string;
  maxMessageBytes?: Size;
  memory?: Size1;
  /**
   * Processors of one instance. Not enforced for processes yet.
   */
  cpu?: string | number;
  /**
   * Processes and threads of one instance. Not enforced for processes yet.
   */
  pids?: number | string;
}
/**
 * How far the process is held in.
 */
export interface Security {
  /**
   * basic: process group, no new privileges, resource limits. none: nothing at all, and must be said.
   */
  sandbox?: 'basic' | 'none';
  /**
   * inherit: the network of the machine.
   */
  network?: 'inherit';
}
export interface Dependency {
  service: Name;
  condition?: 'Ready';
}
/**
 * What of the service is published, and under which names.
 */
export interface Expose {
  tools?: ExposeTools;
  /**
   * First part of the names at the endpoint that holds all services; the service's name unless told otherwise.
   */
  prefix?: string;
}
export interface ExposeTools {
  /**
   * Patterns (`*` stands for any text) of tools that are published.
   */
  allow?: string[];
  /**
   * Patterns of tools that are not published, whatever `allow` says.
   */
  deny?: string[];
  /**
   * Tool name → published name.
   */
  rename?: {
    [k: string]: string;
  };
}
/**
 * How instances are checked before they serve and while they do.
 */
export interface Health {
  interval?: Duration4;
  /**
   * What is asked of every instance. One basic check named `alive` when left out.
   *
   * @maxItems 50
   */
  checks?: Check[];
  /**
   * Failures in a row that make an instance unhealthy.
   */
  failureThreshold?: number | string;
  /**
   * Successes in a row that make it healthy again.
   */
  successThreshold?: number | string;
}
export interface BasicCheck {
  name: CheckName;
  type: 'basic';
  timeout?: Duration5;
}
export interface FunctionalCheck {
  name: CheckName;
  type: 'functional';
  timeout?: Duration6;
  /**
   * Tool to call, by the name the service itself gives it.
   */
  tool: string;
  /**
   * Arguments of the call.
   */
  arguments?: {
    [k: string]: unknown;
  };
  expect?: Expect;
}
/**
 * What the answer is held against; all that are given must hold.
 */
export interface Expect {
  /**
   * The text of the answer contains this.
   */
  contains?: string;
  /**
   * The text of the answer matches this pattern (RE2 syntax).
   */
  matches?: string;
  /**
   * structuredContent, or the text read as JSON, equals this.
   */
  equals?: {
    [k: string]: unknown;
  };
  /**
   * Whether the tool must report an error.
   */
  isError?: boolean;
}
export interface PerformanceCheck {
  name: CheckName;
  type: 'performance';
  timeout?: Duration7;
  p95?: Duration8;
  errorRate?: Share;
  /**
   * Fewer calls than this say nothing.
   */
  minCalls?: number | string;
}
export interface DependencyCheck {
  name: CheckName;
  type: 'dependency';
  timeout?: Duration9;
  service?: Name2;
  /**
   * host:port that must take a connection.
   */
  tcp?: string;
  /**
   * Address that must answer 2xx or 3xx.
   */
  http?: string;
}
/**
 * How a change goes in and when it is taken back.
 */
export interface Migration {
  /**
   * All start the target beside stable and check it with real calls before it gets any traffic. in-place: then it takes over. rolling: replica by replica. blue-green: checked again on a preview route, then one switch. canary: a growing share of calls, judged against stable.
   */
  strategy?: 'in-place' | 'rolling' | 'blue-green' | 'canary';
  progressDeadline?: Duration10;
  rollback?: Rollback;
  contract?: ContractPolicy;
  releaseTogether?: Name3;
  rolling?: Rolling;
  blueGreen?: BlueGreen;
  canary?: Canary;
}
/**
 * When a target is taken back, and what can be returned to.
 */
export interface Rollback {
  /**
   * A failed target is taken back by itself.
   */
  automatic?: boolean;
  /**
   * Promoted Revisions before stable that are kept: a return to one of them skips steps and analysis.
   */
  window?: number | string;
  ifUnhealthyWithin?: Duration11;
}
/**
 * What a change of the tools, prompts and resources that are offered does to a Rollout. block: it is taken back before any call. warn: it is told. allow: nothing.
 */
export interface ContractPolicy {
  /**
   * A tool was removed, or a parameter is newly required or takes less than before.
   */
  breaking?: 'block' | 'warn' | 'allow';
  /**
   * Descriptions or annotations changed, which is what a model goes by.
   */
  descriptions?: 'block' | 'warn' | 'allow';
  /**
   * The offer changes without a commit. warn: it is told. quarantine: the tools that changed are hidden and refused as well; the default for a service in `fairlead.lock`.
   */
  drift?: 'warn' | 'quarantine';
  /**
   * Hash of a Contract that is approved by this commit, or its first 12 digits or more: one that it drifted to, or that its lock does not name.
   */
  approved?: string;
}
/**
 * strategy rolling: instances of stable are replaced by those of the target, a few at a time.
 */
export interface Rolling {
  maxSurge?: Amount;
  maxUnavailable?: Amount1;
}
/**
 * strategy blue-green: the whole target is up beside stable, is checked through the preview route, and takes over in one switch.
 */
export interface BlueGreen {
  /**
   * Switch once the checks have passed; false: wait for `fairlead rollout promote`.
   */
  autoPromote?: boolean;
  /**
   * Health checks that must pass through the preview route before the switch: their names, or a type for all checks of it.
   *
   * @maxItems 50
   */
  prePromotion?: CheckName[];
  keepOldFor?: Duration12;
}
/**
 * strategy canary: the target gets a growing share of calls and is judged by them.
 */
export interface Canary {
  /**
   * What is done one after the other; after the last the target gets everything.
   *
   * @minItems 1
   * @maxItems 50
   */
  steps?: CanaryStep[];
  analysis?: Analysis;
}
/**
 * One step: one of `setWeight`, `pause`, `analysis`, `setReplicas`, `shadow`.
 */
export interface CanaryStep {
  /**
   * Percent of client sessions (of calls, where there are no sessions) that go to the target.
   */
  setWeight?: number | string;
  pause?: PauseStep;
  analysis?: AnalysisStep;
  /**
   * Instances of the target from here on; as many as `replicas` before any such step and after the last step.
   */
  setReplicas?: number | string;
  shadow?: ShadowStep;
}
/**
 * Wait: for a time, or until `fairlead rollout promote`.
 */
export interface PauseStep {
  duration?: Duration13;
}
/**
 * Go on only when the analysis passes at the end of this time. It also runs meanwhile, from the first call on.
 */
export interface AnalysisStep {
  for: Duration14;
}
/**
 * Calls to tools that are safe to call twice are made at the target as well; its answers are compared and thrown away.
 */
export interface ShadowStep {
  for: Duration15;
  /**
   * Patterns (`*` stands for any text) of tools that are safe to call twice, by the service's own names.
   *
   * @minItems 1
   * @maxItems 100
   */
  tools: string[];
  /**
   * Percent of such calls that are mirrored.
   */
  percent?: number | string;
  maxDifferent?: Percentage;
}
/**
 * How the calls that the target serves are judged, from the first one on.
 */
export interface Analysis {
  interval?: Duration16;
  /**
   * With fewer calls at the target nothing is said of its traffic.
   */
  minCalls?: number | string;
  /**
   * Failed measurements that are put up with; one more takes the target back.
   */
  failureLimit?: number | string;
  /**
   * What the target is held to; all must hold.
   *
   * @minItems 1
   * @maxItems 20
   */
  checks?: AnalysisCheck[];
}
/**
 * One check: a limit on error rate or latency, or a value that Prometheus or another endpoint tells.
 */
export interface AnalysisCheck {
  errorRate?: ErrorRateCheck;
  protocolErrorRate?: ErrorRateCheck1;
  toolErrorRate?: ErrorRateCheck2;
  p50?: LatencyCheck;
  p95?: LatencyCheck1;
  p99?: LatencyCheck2;
  prometheus?: PrometheusCheck;
  http?: HttpCheck;
}
/**
 * Share of calls that fail in any way.
 */
export interface ErrorRateCheck {
  max?: Percentage1;
  versusStable?: Factor;
}
/**
 * Share of calls that get no result: errors, time-outs, lost connections.
 */
export interface ErrorRateCheck1 {
  max?: Percentage1;
  versusStable?: Factor;
}
/**
 * Share of calls whose result says `isError`.
 */
export interface ErrorRateCheck2 {
  max?: Percentage1;
  versusStable?: Factor;
}
/**
 * Half of all calls are answered within this.
 */
export interface LatencyCheck {
  max?: Duration17;
  versusStable?: Factor1;
}
/**
 * 19 of 20 calls are answered within this.
 */
export interface LatencyCheck1 {
  max?: Duration17;
  versusStable?: Factor1;
}
/**
 * 99 of 100 calls are answered within this.
 */
export interface LatencyCheck2 {
  max?: Duration17;
  versusStable?: Factor1;
}
/**
 * Value of a Prometheus query, held to `min`, `max` or both.
 */
export interface PrometheusCheck {
  /**
   * Names the check; templates and services merge checks by it.
   */
  name: string;
  url: MetricUrl;
  /**
   * PromQL that gives one number.
   */
  query: string;
  min?: MetricLimit;
  max?: MetricLimit1;
  timeout?: Duration18;
}
/**
 * An address that is asked with GET: 2xx passes, unless the body is JSON with a number `value`, which is then held to `min` and `max`.
 */
export interface HttpCheck {
  /**
   * Names the check; templates and services merge checks by it.
   */
  name: string;
  url: MetricUrl1;
  min?: MetricLimit2;
  max?: MetricLimit3;
  timeout?: Duration19;
}
