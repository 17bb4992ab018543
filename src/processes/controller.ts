/**
 * The controller process: store, sources, compilers, link to the host, loop, admin socket, status API, webhooks. The only
 * file that knows which kinds of each it is made of.
 */
import packageJson from '../../package.json' with { type: 'json' };
import { serveAdmin } from '../admin/server.ts';
import { dataDirOf } from '../base/data-dir.ts';
import { Controller } from '../controller/controller.ts';
import { Operator } from '../controller/operator.ts';
import { decide } from '../core/decide.ts';
import { createHostLink } from '../link/controller-end.ts';
import { heldDeletions } from '../manifest/prune.ts';
import type { About } from '../ports/read-model.ts';
import { GoneLogs } from '../runtimes/gone-logs.ts';
import { createStatusApi } from '../status-api/server.ts';
import { openSqliteStore } from '../stores/sqlite.ts';
import { runChild, type Parent, type RunFacts, type Running } from './child.ts';
import { systemClock } from './clock.ts';
import { openLog } from './log.ts';
import type { ProcessSettings } from './settings.ts';
import { openHooks } from './hooks.ts';
import { createSource } from './sources.ts';
import { toolNames } from './tool-names.ts';

const startedAt = Date.now();

async function startController(settings: ProcessSettings, parent: Parent): Promise<Running> {
  const log = openLog('controller', process.pid);
  const dataDir = dataDirOf(settings.dataDir);
  let facts: RunFacts | null = null;
  let statusUrl = '';
  let webhooksUrl: string | null = null;
  const about = (): Omit<About, 'epoch' | 'hostConnected'> => ({
    version: packageJson.version,
    dataDir: dataDir.root,
    adminSocket: dataDir.adminSocket,
    gatewayUrl: facts?.gatewayUrl ?? '',
    statusUrl,
    webhooksUrl,
    startedAt: facts?.startedAt ?? startedAt,
    pids: { supervisor: facts?.supervisorPid ?? null, controller: process.pid, host: facts?.hostPid ?? null },
  });

  // The store first: its lock says that we are the one controller of this data directory.
  const store = openSqliteStore(dataDir.database);
  const sources = settings.sources.map((source) => createSource(source, dataDir, systemClock));
  const controller = await Controller.start({
    store,
    sources,
    link: createHostLink({ socketPath: dataDir.hostSocket, clock: systemClock }),
    clock: systemClock,
    decide,
    guardPrune: (prune) => heldDeletions(prune, settings.maxDeletions),
    about,
    onProblem: (message, err) => log.error({ err }, message),
    onFenced: (error) => parent.die(error),
  });
  const statusApi = createStatusApi({ readModel: controller.readModel, ...settings.status, toolNames });
  statusUrl = (await statusApi.listen()).url;
  const hooks = settings.webhooks === undefined ? null : openHooks(settings.webhooks, settings.sources, controller, log);
  if (hooks !== null) {
    webhooksUrl = `${(await hooks.listen()).url}/hooks`;
    log.info({ url: webhooksUrl }, 'listening for webhooks');
  }
  const admin = await serveAdmin(new Operator(controller, () => parent.stopEverything()), dataDir.adminSocket);
  const { loop, declarations } = controller;
  const isThere = (service: string): boolean => loop.records.has(service) || declarations.isDeclared(service);
  const goneLogs = new GoneLogs({ folder: dataDir.logs, isThere, clock: systemClock });
  log.info({ epoch: controller.epoch, url: statusUrl }, 'serving');
  return {
    url: statusUrl,
    facts: (latest) => {
      facts = latest;
    },
    stop: async () => {
      await hooks?.close();
      await admin.close();
      await statusApi.close();
      await goneLogs.close();
      await controller.close();
      for (const { compiler } of sources) await compiler.close();
      await store.close();
    },
  };
}

runChild(startController);
