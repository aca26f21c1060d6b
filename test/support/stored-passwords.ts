/** One password as `doveadm pw` stores it in every scheme that a challenge mechanism can be proved with. */

/** The password of all of them. */
export const STORED_PASSWORD = 'secret';

/** By scheme. {DIGEST-MD5} holds the name as well: that of user@example.com. */
export const STORED_PASSWORDS: Readonly<Record<string, string>> = {
  PLAIN: '{PLAIN}secret',
  'CRAM-MD5': '{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56',
  'DIGEST-MD5': '{DIGEST-MD5}30969131580e626606ce70ceaab77719',
  'SCRAM-SHA-1': '{SCRAM-SHA-1}4096,CLF3wEdW1yMjGwKGsRgU4Q==,le2b+U2JmmyX71E5sw/g4Ia21Bw=,rQIknDcYaC5cftdxYtMJKBihTmI=',
  'SCRAM-SHA-256':
    '{SCRAM-SHA-256}4096,+qw09jvFz2oSaycbyq+o4w==,UftiPj6DE38Q3H4UXIkEQZVqv4wFv0CqzC0ZGS3B97Q=,v5ehb3Dtbzt4DgC65oSvq5EAWxxCIF4SvCG322p/yxE=',
  SSHA: '{SSHA}xmxghb8G8DOkoRW2aOXlil0wHN45Sznr',
};
