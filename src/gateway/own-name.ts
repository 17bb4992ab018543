/** In whose name the gateway speaks where it speaks for no client, or for clients that have no session. Promises no client features. */
import { version } from '../base/version.ts';
import { statelessVersion } from '../model/stateless-era.ts';
import type { ClientFacts } from '../ports/upstream.ts';

export const ownFacts: ClientFacts = { clientInfo: { name: 'fairlead', version }, capabilities: {}, protocolVersion: statelessVersion };
