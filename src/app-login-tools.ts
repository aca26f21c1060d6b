/** The part of `app.ts` that lends the command the login core as the daemon has it, with nothing counted and nothing changed. */
import { NO_UPDATES } from './auth/account-updates.ts';
import { NO_LIMITS } from './auth/attempt-limits.ts';
import { createAuthenticator, createInquiry } from './app-login.ts';
import { createHasher, createUsers } from './app-users.ts';
import type { LoginTools } from './cli/login-tools.ts';
import type { Logger } from './core/logger.ts';

/** `openLog` is called when a verb first needs a passdb. */
export function createLoginTools(openLog: () => Logger): LoginTools {
  return {
    openLogins: async (config) => {
      const logger = openLog();
      const users = createUsers(config, logger);
      const hasher = createHasher(config, logger);
      try {
        await hasher.start();
      } catch (error) {
        users.close();
        throw error;
      }
      const parts = { config, logger, users, hasher };
      const authenticator = createAuthenticator({
        ...parts,
        limits: NO_LIMITS,
        waitingRoom: { wait: () => Promise.resolve(true) },
        updates: NO_UPDATES,
        listMechanisms: () => config.auth.mechanisms,
      });
      const inquiry = createInquiry(parts);
      return {
        explain: (login, context) => authenticator.explain(login, context),
        findCredential: (claim, context) => authenticator.findCredential(claim, context),
        verifyHash: (password, stored, options) => hasher.verify(password, stored, options),
        ask: (username, context) => inquiry.ask(username, context),
        close: async () => {
          await hasher.stop();
          users.close();
        },
      };
    },
  };
}
