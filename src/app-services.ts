/**
 * The part of `app.ts` that builds the five services and the login core, each from its slice of the configuration and
 * the ports it needs.
 */
import { randomBytes } from 'node:crypto';
import { createLimits, type Limits } from './app-limits.ts';
import type { Notices } from './app-notices.ts';
import { createRates, type Rates } from './app-rates.ts';
import type { AccountUpdates } from './auth/account-updates.ts';
import type { HashPool } from './auth/hash-pool.ts';
import { isLoopback, parseNetworks } from './auth/networks.ts';
import { createAuthenticator } from './app-login.ts';
import { createHasher, type Mail, type Users } from './app-users.ts';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Endpoint } from './core/endpoint.ts';
import type { Logger } from './core/logger.ts';
import { createProbeSenderTest } from './core/probe-sender.ts';
import type { Service } from './core/service.ts';
import type { PassedSockets } from './net/passed-sockets.ts';
import { PolicyRules, type PolicyRule } from './policy/decide.ts';
import { AccountStateRule } from './policy/rules/account-state.ts';
import { QuotaRule } from './policy/rules/quota.ts';
import { SenderRule } from './policy/rules/sender.ts';
import { HttpService } from './service/http/service.ts';
import { LmtpService } from './service/lmtp/service.ts';
import { LookupService } from './service/lookup/service.ts';
import { PolicyService } from './service/policy/service.ts';
import { SaslService } from './service/sasl/service.ts';

export interface ServiceParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly passed: PassedSockets;
  readonly users: Users;
  readonly mail: Mail;
  readonly notices: Notices;
  /** What a login changes in the embedded database. */
  readonly updates: AccountUpdates;
}

/** A service with what it has counted, for `postern status`. */
export interface RunningService {
  readonly service: Service;
  readonly endpoints: readonly Endpoint[];
  readonly counters: object;
}

export interface Services {
  /** Those that have somewhere to listen, by name, in the order they start. */
  readonly running: ReadonlyMap<string, RunningService>;
  readonly sasl: SaslService;
  readonly hasher: HashPool;
  readonly limits: Limits;
  readonly rates: Rates;
  /** What the login core has counted, for `postern status`. */
  readonly describeLogins: () => object;
}

/** A slice that every service has which Postfix speaks to. */
interface ListenSlice {
  readonly listen: readonly Endpoint[];
  readonly socketMode: number;
  readonly maxConnections: number;
  readonly allowNets: readonly string[];
  readonly idleTimeoutMs: number;
}

export function createServices(parts: ServiceParts): Services {
  const { config } = parts;
  const hasher = createHasher(config, parts.logger);
  const rates = createRates(parts.config, parts.logger, parts.notices);
  const limits = createLimits({ ...parts, countUrgentHashes: () => hasher.urgentCount });
  const { sasl, describeLogins } = createSasl(parts, { hasher, limits });
  const all: readonly (readonly [
    name: 'sasl' | 'policy' | 'lmtp' | 'lookup' | 'http',
    service: Service & { counters: object },
  ])[] = [
    ['sasl', sasl],
    ...createMailServices(parts, rates),
    ['lookup', createLookup(parts)],
    ['http', createHttp(parts)],
  ];
  const on = all.filter(([name]) => config[name].listen.length > 0 || parts.passed.has(name));
  const running = on.map(
    ([name, service]) => [name, { service, endpoints: config[name].listen, counters: service.counters }] as const,
  );
  return { running: new Map(running), sasl, hasher, limits, rates, describeLogins };
}

function createSasl(
  parts: ServiceParts,
  { hasher, limits }: { hasher: HashPool; limits: Limits },
): Pick<Services, 'sasl' | 'describeLogins'> {
  const { config, logger, passed } = parts;
  const { slots } = limits;
  const authenticator = createAuthenticator({
    ...parts,
    hasher,
    limits: limits.limits,
    waitingRoom: slots,
    listMechanisms: () => sasl.offeredMechanisms,
  });
  const { mechanisms, failureDelayMs, realms } = config.auth;
  const { hostname } = config.postern;
  const options = { ...listening(config.sasl, passed.get('sasl')), mechanisms, failureDelayMs };
  const world = { random: randomBytes, now: Date.now, hostname, realms };
  const sasl = new SaslService(options, { authenticator, world, slots, logger });
  return { sasl, describeLogins: () => authenticator.counters };
}

/** Policy and LMTP stand on the same facts: what the one lets in, the other takes. */
function createMailServices(
  { config, logger, passed, users, mail }: ServiceParts,
  rates: Rates,
): [['policy', PolicyService], ['lmtp', LmtpService]] {
  const { directory } = users;
  const { quota } = config;
  const isProbeSender = createProbeSenderTest(config.mail.probeSenders);
  const facts = {
    resolve: directory.resolve.bind(directory),
    findAccount: directory.findAccount.bind(directory),
    findSenders: directory.findSenders.bind(directory),
    checkRoom: mail.checkRoom,
  };
  const isFullTemporary = quota.exceededCode === 452;
  const quotaRule = new QuotaRule({ facts, isProbeSender, isFullTemporary, clock: systemClock });
  const rules: Readonly<Record<Config['policy']['rules'][number], PolicyRule>> = {
    'account-state': new AccountStateRule({ facts, isProbeSender, anonymousUsername: config.auth.anonymousUsername }),
    sender: new SenderRule(facts),
    rate: rates.rule,
    quota: quotaRule,
  };
  const policy = new PolicyService(
    {
      ...listening(config.policy, passed.get('policy')),
      exceededMessage: quota.exceededMessage,
      rateMessage: config.policy.rateExceededMessage,
    },
    {
      logger: logger.child({ service: 'policy' }),
      decider: new PolicyRules(config.policy.rules.map((name) => rules[name])),
    },
  );
  const lmtp = new LmtpService(
    {
      ...listening(config.lmtp, passed.get('lmtp')),
      hostname: config.postern.hostname,
      maxMessageBytes: config.lmtp.maxMessageSizeBytes,
      maxRecipients: config.lmtp.maxRecipients,
      maxReceivedHeaders: config.lmtp.maxReceivedHeaders,
      maxHeaderBytes: config.lmtp.maxHeaderSizeBytes,
      addsReceived: config.lmtp.addReceived,
      addsDeliveredTo: config.lmtp.hdrDeliveryAddress === 'final',
      fullMailbox: isFullTemporary ? 'defer' : 'refuse',
      exceededMessage: quota.exceededMessage,
      isProbeSender,
    },
    {
      directory,
      store: mail.store,
      meter: mail.meter,
      onDelivered: quotaRule.delivered.bind(quotaRule),
      clock: systemClock,
      logger,
    },
  );
  return [
    ['policy', policy],
    ['lmtp', lmtp],
  ];
}

function createLookup({ config, logger, passed, users }: ServiceParts): LookupService {
  const ports = { logger: logger.child({ service: 'lookup' }), directory: users.directory };
  return new LookupService(listening(config.lookup, passed.get('lookup')), ports);
}

function createHttp({ config, logger, passed, users }: ServiceParts): HttpService {
  const { imapHost, imapPort, imapSocket, smtpHost, smtpPort, smtpSocket, displayName } = config.autoconfig;
  const { listen, socketMode, maxConnections } = config.http;
  const trustedProxies = parseNetworks(config.http.trustedProxies);
  return new HttpService(
    {
      endpoints: listen,
      socketMode,
      maxConnections,
      isTrustedProxy: (address) => trustedProxies.contains(address),
      ...passedOptions(passed.get('http')),
      imap: { host: imapHost, port: imapPort, socketType: imapSocket },
      smtp: { host: smtpHost, port: smtpPort, socketType: smtpSocket },
      displayName,
    },
    { directory: users.directory, isHealthy: () => users.isHealthy(), logger: logger.child({ service: 'http' }) },
  );
}

function listening(slice: ListenSlice, passed: readonly number[] | undefined) {
  const networks = parseNetworks(slice.allowNets);
  return {
    endpoints: slice.listen,
    socketMode: slice.socketMode,
    maxConnections: slice.maxConnections,
    idleMs: slice.idleTimeoutMs,
    // Without allow_nets the configuration has made sure that only loopback is listened on (RULES 35).
    isAllowed: (address: string) => (slice.allowNets.length === 0 ? isLoopback(address) : networks.contains(address)),
    ...passedOptions(passed),
  };
}

function passedOptions(passed: readonly number[] | undefined): { passed?: readonly number[] } {
  return passed === undefined ? {} : { passed };
}
