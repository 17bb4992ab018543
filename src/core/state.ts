/** The lifecycle state that follows from the facts, with the reason that its Event gives. */
import { formatDuration } from '../base/duration.ts';
import type { LifecycleState, Restart } from '../model/record.ts';
import { provenCount, readyCount, serving } from './instances.ts';
import { enter } from './lifecycle.ts';
import { goalOf, rejectionOf, wantedReplicas, wantedRevision, type Pass } from './pass.ts';

/** Failures in a row of a Service that was Active from which on it is in Error rather than restarting. */
const crashLoop = 3;

interface Derived {
  readonly state: LifecycleState;
  readonly reason: string;
  readonly message: string;
}

export function advanceState(pass: Pass): void {
  const { state, reason, message } = derive(pass);
  enter(pass, state, reason, message);
}

function derive(pass: Pass): Derived {
  const { record } = pass;
  const stopping = record.instances.length > 0;
  switch (goalOf(pass)) {
    case 'unknown-spec':
      return { state: 'Error', reason: 'ManifestInvalid', message: 'It never had a valid manifest; mend the manifest.' };
    case 'removed':
      return { state: 'Deactivating', reason: 'ManifestRemoved', message: 'Draining, then stopping; its record goes to the archive.' };
    case 'draft':
      return stopping ? draining('StateDraft') : { state: 'Draft', reason: 'StateDraft', message: 'Declared as a draft; not deployed.' };
    case 'stopped':
      return stopping
        ? draining('StateInactive')
        : { state: 'Inactive', reason: 'StateInactive', message: 'Stopped; configuration and history are kept.' };
    case 'running':
      return record.rollout === null ? steady(pass) : rolling(pass);
  }
}

function draining(reason: string): Derived {
  return { state: 'Deactivating', reason, message: 'Draining, then stopping.' };
}

function rolling(pass: Pass): Derived {
  const { record } = pass;
  const target = record.target!;
  const reason = record.stable === null ? 'FirstDeployment' : 'RolloutInProgress';
  const failing = inBackOff(pass, target.hash);
  if (record.stable === null && failing !== undefined) return failed(failing);
  const serves = record.stable !== null && readyCount(pass) >= wantedReplicas(pass, record.stable);
  const updating = record.stable !== null && (record.state === 'Active' || record.state === 'Updating' || serves);
  return { state: updating ? 'Updating' : 'Deploying', reason, message: `to ${target.name}` };
}

function steady(pass: Pass): Derived {
  const { record } = pass;
  const { stable } = record;
  if (stable === null) {
    const rejection = rejectionOf(pass, wantedRevision(pass).hash);
    if (rejection !== undefined)
      return {
        state: 'Error',
        reason: rejection.reason,
        message: `${rejection.message} Nothing more is tried until the manifest declares another revision or somebody says \`rollout retry\`.`,
      };
    return {
      state: record.state === 'Deploying' ? 'Deploying' : 'Validating',
      reason: 'WaitingForDependencies',
      message: missingDependencies(pass),
    };
  }
  const proven = provenCount(pass, stable.hash);
  if (proven >= wantedReplicas(pass, stable)) return { state: 'Active', reason: 'StableServes', message: `${stable.name} serves.` };
  const failing = inBackOff(pass, stable.hash);
  const wasActive = record.state === 'Active' || record.state === 'Updating';
  if (proven === 0 && failing !== undefined && (!wasActive || failing.failuresInARow >= crashLoop)) return failed(failing);
  if (wasActive) return { state: 'Active', reason: 'StableServes', message: `${stable.name} serves.` };
  return { state: 'Deploying', reason: 'StableStarts', message: `${stable.name} is being started.` };
}

function failed(restart: Restart): Derived {
  const tried = formatDuration(restart.notBefore - restart.last.at);
  const message = `${restart.last.message}\nFailure ${restart.failuresInARow} in a row; it is started again ${tried} after it, or at once by \`rollout retry\`.`;
  return { state: 'Error', reason: restart.last.code, message };
}

/** The back-off of a Revision of which no Instance is up or being tried now. */
export function inBackOff(pass: Pass, revision: string): Restart | undefined {
  if (serving(pass, revision).length > 0) return undefined;
  return pass.record.restarts.find((restart) => restart.revision === revision);
}

export function missingDependencies({ record, given }: Pass): string {
  const missing = record.desired!.dependsOn.filter(({ service }) => given.dependencies[service]?.ready !== true);
  const words = missing.map(
    ({ service }) => `${service} (${given.dependencies[service]?.declared === true ? 'not ready' : 'not declared'})`,
  );
  return words.length === 0 ? '' : `Waits for ${words.join(', ')}.`;
}
