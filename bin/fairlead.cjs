#!/usr/bin/env node
/*
 * The launcher. It must parse on Nodes as old as 12, so it keeps to old syntax. Its one job is to have Fairlead
 * run by a Node that is new enough: this one, or else the one that npm installed beside it, re-executed with signals and
 * exit code kept. From a checkout it runs src/processes/main.ts as it stands; installed, the bundle in dist/.
 */
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');

const needMajor = 24;
const needMinor = 15;
const root = path.dirname(__dirname);

function newEnough(version) {
  const parts = version.replace(/^v/, '').split('.');
  return Number(parts[0]) > needMajor || (Number(parts[0]) === needMajor && Number(parts[1]) >= needMinor);
}

/** node_modules/.bin/node of this folder or of one above it (where npm puts it when Fairlead is itself a dependency). */
function bundledNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const packages = ['node-' + (process.platform === 'win32' ? 'win' : process.platform) + '-' + process.arch + '/bin/' + name];
  if (process.platform !== 'win32') packages.unshift('.bin/node');
  for (let folder = root; ; folder = path.dirname(folder)) {
    for (let i = 0; i < packages.length; i++) {
      const candidate = path.join(folder, 'node_modules', packages[i]);
      if (fs.existsSync(candidate)) return candidate;
    }
    if (path.dirname(folder) === folder) return null;
  }
}

function reExecute(node) {
  const child = require('child_process').spawn(node, [__filename].concat(process.argv.slice(2)), {
    stdio: 'inherit',
    env: Object.assign({}, process.env, { FAIRLEAD_REEXECUTED: '1' }),
  });
  ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('error', function (error) {
    process.stderr.write('error: could not run ' + node + ': ' + error.message + '\n');
    process.exit(1);
  });
  child.on('exit', function (code, signal) {
    process.exit(signal ? 128 + (os.constants.signals[signal] || 0) : code);
  });
}

function tooOld() {
  process.stderr.write(
    'error: Fairlead needs Node.js ' +
      needMajor +
      '.' +
      needMinor +
      ' or newer; this is ' +
      process.version +
      ' (' +
      process.execPath +
      ').\n' +
      '  next: install Node.js ' +
      needMajor +
      ' LTS' +
      (fs.existsSync(path.join(root, 'package-lock.json')) ? ', or run `npm ci` in ' + root + ', which brings one along' : '') +
      '.\n',
  );
  process.exit(1);
}

if (newEnough(process.version)) {
  const source = path.join(root, 'src', 'processes', 'main.ts');
  if (fs.existsSync(source)) {
    import(require('url').pathToFileURL(source).href).then(start, broken);
  } else {
    start(require('../dist/main.cjs'));
  }
} else {
  const node = process.env.FAIRLEAD_REEXECUTED ? null : bundledNode();
  if (node) reExecute(node);
  else tooOld();
}

function start(cli) {
  cli.main(process.argv.slice(2));
}

function broken(error) {
  process.stderr.write('error: ' + (error && error.stack ? error.stack : error) + '\n');
  process.exit(1);
}
