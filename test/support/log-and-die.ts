/** Logs to standard output and dies as its first argument says; run by the tests of `log/` in a process of its own. */
import { openLogging } from '../../src/log/logging.ts';

const { logger } = openLogging({ level: 'info', format: 'json' });
const [manner] = process.argv.slice(2);
logger.info('process.starting', {}, 'first');
if (manner === 'killed-after-warn') {
  logger.warn('auth.fault', {}, 'second');
  process.kill(process.pid, 'SIGKILL');
}
if (manner === 'uncaught') throw new Error('Cannot go on');
