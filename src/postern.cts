#!/usr/bin/env node
/**
 * Sets the size of libuv's pool, then runs the command. It must happen before the pool exists: set inside an ES module
 * it has no effect (Node 20). The pool serves file syncs of deliveries; password hashing has threads of its own (RULES 31).
 */
process.env['UV_THREADPOOL_SIZE'] ??= '32';
void import('./main.js');
