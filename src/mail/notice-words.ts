/** The kinds of notices, and their built-in texts by language. */

/** What each kind is about, and the values its text may use. */
export const NOTICE_VALUES = {
  /** To the owner: the mailbox fills up. */
  'quota-warning': ['user', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
  /** To the owner: there is room again. */
  'quota-room': ['user', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
  /** To the postmaster: all mailboxes of a domain together fill up what the domain may keep. */
  'domain-quota-warning': ['domain', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
  /** To the postmaster: there is room again. */
  'domain-quota-room': ['domain', 'hostname', 'percent', 'used', 'limit', 'messages', 'messages_limit'],
  /** To the owner: the mailbox was full for days, and mail is refused now. */
  'over-quota-refuse': ['user', 'hostname', 'days'],
  /** To the owner: the mailbox was full for days, and mail has to wait now. */
  'over-quota-hold': ['user', 'hostname', 'days'],
  /** To the owner: mail is taken again. */
  'over-quota-end': ['user', 'hostname', 'days'],
  /** To the postmaster: a login sent past its limit and may not send any more. */
  'sender-suspended': ['login', 'domain', 'hostname', 'sent', 'limit', 'unit', 'window'],
} as const;

export type NoticeKind = keyof typeof NOTICE_VALUES;

export const NOTICE_LANGUAGES = ['en', 'de'] as const;
export type NoticeLanguage = (typeof NOTICE_LANGUAGES)[number];

export const BUILT_IN_NOTICES: Readonly<Record<NoticeLanguage, Readonly<Record<NoticeKind, string>>>> = {
  en: {
    'quota-warning': `Subject: Your mailbox is %{percent} %% full

The mailbox of %{user} is %{percent} %% full: %{used} of %{limit}.

When it is full, new mail for you is refused. Please delete what you no
longer need, and empty the trash.

This message was made by the mail system at %{hostname}.
`,
    'quota-room': `Subject: There is room in your mailbox again

The mailbox of %{user} is %{percent} %% full now: %{used} of %{limit}.
It takes new mail again.

This message was made by the mail system at %{hostname}.
`,
    'domain-quota-warning': `Subject: The mailboxes of %{domain} are %{percent} %% full

All mailboxes of %{domain} together hold %{used} of %{limit}
(%{percent} %%). When nothing is left, new mail for the domain is refused.

This message was made by the mail system at %{hostname}.
`,
    'domain-quota-room': `Subject: There is room for %{domain} again

All mailboxes of %{domain} together hold %{used} of %{limit} now
(%{percent} %%). The domain takes new mail again.

This message was made by the mail system at %{hostname}.
`,
    'over-quota-refuse': `Subject: Your mailbox is full, and mail for you is refused

The mailbox of %{user} has been full for %{days} days. From now on
all new mail for you is refused. Please delete what you no longer need,
and empty the trash; some minutes later mail is taken again.

This message was made by the mail system at %{hostname}.
`,
    'over-quota-hold': `Subject: Your mailbox is full, and mail for you has to wait

The mailbox of %{user} has been full for %{days} days. From now on
new mail waits where it comes from, and goes back after some days. Please
delete what you no longer need, and empty the trash; some minutes later
mail is taken again.

This message was made by the mail system at %{hostname}.
`,
    'over-quota-end': `Subject: Your mailbox takes mail again

There is room in the mailbox of %{user} again, and it takes new mail.

This message was made by the mail system at %{hostname}.
`,
    'sender-suspended': `Subject: %{login} may not send mail any more

The login %{login} wanted to go past %{limit} %{unit} in one
%{window}, after %{sent}. Sending is switched off for it now.

Most often somebody else knows the password. Change it, look through the
log for where the logins came from, and let the login send again with

  postern rate reset %{login}

This message was made by the mail system at %{hostname}.
`,
  },
  de: {
    'quota-warning': `Subject: Ihr Postfach ist zu %{percent} %% voll

Das Postfach %{user} ist zu %{percent} %% voll: %{used} von %{limit}.

Ist es ganz voll, wird neue Post an Sie abgewiesen. Bitte löschen Sie,
was Sie nicht mehr brauchen, und leeren Sie den Papierkorb.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'quota-room': `Subject: In Ihrem Postfach ist wieder Platz

Das Postfach %{user} ist jetzt zu %{percent} %% voll: %{used} von %{limit}.
Es nimmt wieder neue Post an.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'domain-quota-warning': `Subject: Die Postfächer von %{domain} sind zu %{percent} %% voll

Alle Postfächer von %{domain} zusammen enthalten %{used} von %{limit}
(%{percent} %%). Ist nichts mehr frei, wird neue Post an die Domain
abgewiesen.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'domain-quota-room': `Subject: Für %{domain} ist wieder Platz

Alle Postfächer von %{domain} zusammen enthalten jetzt %{used} von
%{limit} (%{percent} %%). Die Domain nimmt wieder neue Post an.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'over-quota-refuse': `Subject: Ihr Postfach ist voll, Post an Sie wird abgewiesen

Das Postfach %{user} ist seit %{days} Tagen voll. Von jetzt an wird
alle neue Post an Sie abgewiesen. Bitte löschen Sie, was Sie nicht mehr
brauchen, und leeren Sie den Papierkorb; wenige Minuten später wird wieder
Post angenommen.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'over-quota-hold': `Subject: Ihr Postfach ist voll, Post an Sie muss warten

Das Postfach %{user} ist seit %{days} Tagen voll. Von jetzt an wartet
neue Post dort, woher sie kommt, und geht nach einigen Tagen zurück. Bitte
löschen Sie, was Sie nicht mehr brauchen, und leeren Sie den Papierkorb;
wenige Minuten später wird wieder Post angenommen.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'over-quota-end': `Subject: Ihr Postfach nimmt wieder Post an

Im Postfach %{user} ist wieder Platz, und es nimmt neue Post an.

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
    'sender-suspended': `Subject: %{login} kann keine Post mehr versenden

Mit der Anmeldung %{login} sollten nach %{sent} mehr als %{limit}
(%{unit}, %{window}) versendet werden. Der Versand ist jetzt gesperrt.

Meist kennt jemand anders das Passwort. Bitte ändern Sie es, sehen Sie im
Protokoll nach, woher die Anmeldungen kamen, und geben Sie den Versand
wieder frei:

  postern rate reset %{login}

Diese Nachricht kommt vom Mailsystem auf %{hostname}.
`,
  },
};
