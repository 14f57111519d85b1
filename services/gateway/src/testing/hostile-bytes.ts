export const ESC = "\u001b";
/** What a console may say to do harm: what it is after, and the bytes. */
export const HOSTILE: readonly (readonly [what: string, bytes: string])[] = [
  ["the title", `${ESC}]0;pwned\u0007${ESC}]2;pwned${ESC}\\`],
  ["the clipboard", `${ESC}]52;c;cHduZWQ=\u0007${ESC}]52;p;cHduZWQ=${ESC}\\`],
  ["a hyperlink", `${ESC}]8;;javascript:document.title='pwned'${ESC}\\click${ESC}]8;;${ESC}\\`],
  [
    "a web page",
    `${ESC}]8;;http://127.0.0.1:9/pwned${ESC}\\https://evil.example/${ESC}]8;;${ESC}\\`,
  ],
  ["markup", `<img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>`],
  ["questions", `${ESC}[c${ESC}[>c${ESC}[6n${ESC}[?25$p${ESC}]11;?\u0007${ESC}P$q"p${ESC}\\\u0005`],
  ["a string without end", `${ESC}]2;pwned${"x".repeat(100_000)}\u0018`],
  ["torn characters", Buffer.from([0xe2, 0x82, 0x41, 0xff, 0xfe, 0xc0, 0xaf]).toString("latin1")],
];
