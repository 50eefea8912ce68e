/** Of all pages; its hash is in their policy. One line a rule, because pages are stripped of indents. */
export const STYLE = `
:root{--ink:#16202b;--soft:#566373;--line:#ccd4dd;--paper:#fff;--ground:#eef2f6;--blue:#0b5cad;--on-blue:#fff;--red:#a3231b;--red-ground:#fdeeec;--green:#14663a}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a5b1bf;--line:#3a4654;--paper:#18212b;--ground:#0e151c;--blue:#6cb2ff;--on-blue:#06213d;--red:#ff9d94;--red-ground:#3a1a17;--green:#7fd6a3}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main{max-width:28rem;margin:0 auto;padding:1.5rem;background:var(--paper);min-height:100vh;overflow-wrap:anywhere}
@media(min-width:30rem){main{margin:3rem auto;min-height:0;padding:2rem;border:1px solid var(--line);border-radius:.75rem}}
h1{font-size:1.4rem;line-height:1.25;margin:0 0 .75rem}
h2{font-size:1rem;margin:1.25rem 0 .25rem}
p{margin:0 0 1rem}
.brand{color:var(--blue);font-weight:700;letter-spacing:.02em;margin:0 0 1.25rem}
.soft{color:var(--soft)}
.code{display:block;margin:0 0 1rem;padding:.75rem;border:1px dashed var(--line);border-radius:.5rem;text-align:center;font:600 1.6rem/1.2 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;letter-spacing:.12em}
dl{margin:0 0 1rem;border-top:1px solid var(--line)}
dl div{padding:.5rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--soft);font-size:.875rem}
dd{margin:0}
ul{margin:0;padding-left:1.1rem}
label{display:block;font-weight:600;margin:0 0 .25rem}
input:not([type=checkbox]):not([type=radio]){width:100%;margin:0 0 1rem;padding:.65rem .75rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:.5rem}
input.entry{font:600 1.4rem/1.2 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;letter-spacing:.1em;text-align:center;text-transform:uppercase}
input[type=checkbox],input[type=radio]{width:1.2rem;height:1.2rem;margin:.15rem .6rem 0 0;flex:none;accent-color:var(--blue)}
.check{display:flex;font-weight:400;margin:0 0 1rem;padding:.75rem;border:1px solid var(--line);border-radius:.5rem}
fieldset{border:0;margin:0 0 1rem;padding:0;min-width:0}
legend{font-weight:600;padding:0;margin:0 0 .5rem}
fieldset .check{margin:0 0 .5rem}
.check small{display:block;color:var(--soft)}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem}
button{flex:1 1 8rem;padding:.7rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;border:1px solid var(--blue);background:var(--blue);color:var(--on-blue);cursor:pointer}
button.no{background:transparent;color:var(--red);border-color:var(--red)}
:focus-visible{outline:3px solid var(--blue);outline-offset:2px}
.error{padding:.75rem;border-left:4px solid var(--red);background:var(--red-ground);color:var(--red);border-radius:.25rem}
.done{color:var(--green);font-weight:600}
`.trim();
