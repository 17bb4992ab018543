/**
 * What the bench of git follows: a bare repository behind `git http-backend` with so many manifests, most of which run nothing,
 * and somebody who works in a clone of it and pushes. Pushes are real ones, over HTTP.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { manifestOf } from '../test/e2e/stand.ts';
import { GitRepository, plainGit } from '../test/fixtures/git-repository.ts';
import { GitHttpServer } from '../test/fixtures/git-servers.ts';
import { WorkingRepository } from '../test/fixtures/working-repository.ts';

/** The service that runs, and is changed while it does. */
export const live = 'live';
const perFolder = 100;
const git = promisify(execFile);

export interface Pushed {
  readonly commit: string;
  /** When `git push` had returned, on the clock of `performance.now()`. */
  readonly at: number;
  /** Milliseconds that `git push` took. */
  readonly tookMs: number;
}

export class ManifestRepository {
  readonly server: GitHttpServer;
  readonly #bare: GitRepository;
  readonly #clone = new WorkingRepository();
  readonly #count: number;
  #changes = 0;

  private constructor(bare: GitRepository, server: GitHttpServer, count: number) {
    this.#bare = bare;
    this.server = server;
    this.#count = count;
  }

  /** With `count` manifests of services, and a template for each hundred of them. */
  static async make(count: number): Promise<ManifestRepository> {
    const bare = await GitRepository.make();
    const repository = new ManifestRepository(bare, await GitHttpServer.start(bare.base), count);
    const files: Record<string, string> = { [`deploy/${live}.yaml`]: liveText('r0') };
    for (let index = 0; index < count - 1; index += 1) {
      if (index % perFolder === 0) files[`deploy/team-${index / perFolder}/template.yaml`] = templateText(index / perFolder);
      files[quietPath(index)] = quietText(index, 'First');
    }
    repository.#clone.commit('First', files);
    repository.#clone.git('remote', 'add', 'origin', repository.url);
    await repository.#push();
    return repository;
  }

  get url(): string {
    return this.server.url('manifests.git');
  }

  /** Pushes a commit that makes another Revision of the service that runs. */
  async changeLive(tag: string): Promise<Pushed> {
    this.#clone.commit(`Make it ${tag}`, { [`deploy/${live}.yaml`]: liveText(tag) });
    return this.#push();
  }

  /** Pushes a commit that changes one manifest of those that run nothing: another one each time. */
  async changeQuiet(): Promise<Pushed> {
    const index = (this.#changes * 37) % (this.#count - 1);
    this.#changes += 1;
    this.#clone.commit(`Change ${index}`, { [quietPath(index)]: quietText(index, `Change ${this.#changes}`) });
    return this.#push();
  }

  async end(): Promise<void> {
    await this.server.end();
    await this.#bare.end();
    this.#clone.remove();
  }

  async #push(): Promise<Pushed> {
    const begunAt = performance.now();
    await git('git', ['push', '--quiet', 'origin', 'main'], { cwd: this.#clone.folder, env: plainGit });
    const at = performance.now();
    return { at, tookMs: at - begunAt, commit: this.#clone.git('rev-parse', 'HEAD') };
  }
}

function liveText(tag: string): string {
  return manifestOf({ name: live, transport: 'stdio', tag }, '');
}

function quietPath(index: number): string {
  return `deploy/team-${Math.floor(index / perFolder)}/service-${index}.yaml`;
}

function templateText(team: number): string {
  return `apiVersion: fairlead.dev/v1alpha1
kind: ServiceTemplate
metadata: { name: team-${team} }
params:
  root: { type: string, default: ./data }
spec:
  transport: stdio
  tags: [team-${team}]
  run: { command: [node, server.js], args: ["\${params.root}"], env: { LOG_LEVEL: info } }
  limits: { callTimeout: 60s }
`;
}

/** About 500 bytes, as real manifests have. */
function quietText(index: number, description: string): string {
  const team = Math.floor(index / perFolder);
  return `# yaml-language-server: $schema=service.schema.json
apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata:
  name: service-${index}
  labels: { team: team-${team}, tier: backend }
spec:
  extends: [team-${team}]
  state: Inactive
  params: { root: ./data/${index} }
  description: ${description}
  health:
    interval: 15s
    checks:
      - { name: lists, type: functional, tool: list_directory, arguments: { path: "\${params.root}" }, expect: { contains: readme } }
      - { name: fast, type: performance, p95: 500ms, errorRate: 1% }
`;
}
