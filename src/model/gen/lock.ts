/** Generated from schemas/lock.schema.json by `npm run generate:types`. Edit the schema, not this file. */

/**
 * What was approved: the Contract that each Service is to offer. Stands in `fairlead.lock` in the root of a source; `fairlead lock` writes it.
 */
export interface LockManifest {
  /**
   * For editors of JSON files; Fairlead does not read it.
   */
  $schema?: string;
  /**
   * Version of the manifest format.
   */
  apiVersion: 'fairlead.dev/v1alpha1';
  kind: 'Lock';
  services: LockedServices;
}
/**
 * What is locked, by the name of the Service.
 */
export interface LockedServices {
  [k: string]: LockedService;
}
/**
 * What was approved of one Service.
 */
export interface LockedService {
  /**
   * Hash of the Contract that the Service is to offer: its tools, prompts and resources.
   */
  contract: string;
}
