'use strict';
/** Signature http: the code listens on $PORT itself. */
const net = require('node:net');

/**
 * From now on a `listen` on `port`, at whatever address, takes the inherited socket instead, and the
 * first one that succeeds calls `ready`. Without an inherited socket it is bound to $HOST, so that a
 * wildcard listener cannot answer for other pods of the same host.
 */
function adopt(port, fd, ready) {
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function listenAsPod(...args) {
    const callback = typeof args.at(-1) === 'function' ? args.at(-1) : undefined;
    if (requestedPort(args) !== port) return listen.apply(this, args);
    this.once('listening', ready);
    const options = fd === undefined ? { port, host: process.env.HOST } : { fd };
    return callback === undefined
      ? listen.call(this, options)
      : listen.call(this, options, callback);
  };
}

function requestedPort(args) {
  const first = args[0];
  if (typeof first === 'object' && first !== null)
    return first.port === undefined ? undefined : Number(first.port);
  return first === undefined || typeof first === 'function' ? undefined : Number(first);
}

module.exports = { adopt };
