/*
 * Preload (`node --require`) for servers that listen on every interface and cannot be told otherwise: a port without a
 * host becomes that port on 127.0.0.1. A host that is given stays as it is.
 */
'use strict';
const { Server } = require('node:net');

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first));
  return isPort && typeof rest[0] !== 'string' ? listen.call(this, first, '127.0.0.1', ...rest) : listen.call(this, first, ...rest);
};
