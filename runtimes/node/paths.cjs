'use strict';
/** The paths that the function server answers itself. */
module.exports = {
  readyPath: '/.well-known/nought/ready',
  warmPath: '/.well-known/nought/warm',
  specializePath: '/.well-known/nought/specialize',
};
