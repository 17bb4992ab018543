/** Generated from schemas/controller.schema.json by `npm run generate:types`. Edit the schema, not this file. */

/**
 * Where manifests come from. The folder that holds this file when left out.
 *
 * @minItems 1
 * @maxItems 1
 */
export type Sources = SourceSpec[];
/**
 * The MCP gateway.
 */
export type Address = string;
/**
 * The read-only status API.
 */
export type Address1 = string;

/**
 * Settings of the controller itself: the file `fairlead.yaml` given to `fairlead up -c`.
 */
export interface ControllerManifest {
  /**
   * For editors of JSON files; Fairlead does not read it.
   */
  $schema?: string;
  /**
   * Version of the manifest format.
   */
  apiVersion: 'fairlead.dev/v1alpha1';
  kind: 'Controller';
  metadata?: ControllerMetadata;
  spec: ControllerSpec;
}
export interface ControllerMetadata {
  name?: string;
}
export interface ControllerSpec {
  sources?: Sources;
  listeners?: Listeners;
  /**
   * Where records, logs and sockets are kept, relative to this file. `.fairlead` in the folder of manifests when left out.
   */
  dataDir?: string;
  prune?: Prune;
}
export interface SourceSpec {
  /**
   * Names the source in messages and commands.
   */
  name?: string;
  /**
   * folder: manifests in a folder and the folders below it.
   */
  type?: 'folder';
  /**
   * The folder, relative to this file.
   */
  path: string;
}
/**
 * Addresses to listen on, as host:port; port 0 picks a free one.
 */
export interface Listeners {
  gateway?: Address;
  status?: Address1;
}
/**
 * What holds back mass deletion by mistake.
 */
export interface Prune {
  /**
   * More deletions than this at once are held: a number, or a share of all services (never fewer than 3). 100% turns the guard off.
   */
  maxDeletions?: number | string;
}
