import { chromium } from 'playwright-core'; import assert from 'node:assert/strict';
import { server, posts, script, toml } from '/tmp/mock.mjs';
await new Promise(r=>server.listen(0,'127.0.0.1',r)); const base=`http://127.0.0.1:${server.address().port}`;
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu','--disable-background-networking']});
const logs=[];
const open=async(path,opt={})=>{const p=await b.newPage(opt);p.on('console',m=>logs.push(m.text()));p.on('pageerror',e=>logs.push('ERR '+e));await p.goto(base+path);return p;};
try{
for(const n of ['index','newsletter','spring-guide','demo-request','chatbot'])for(const w of [360,1280]){
  const p=await open(`/${n}.html`,{viewport:{width:w,height:w===360?740:800}});await p.waitForTimeout(200);
  assert.ok(await p.evaluate(()=>document.documentElement.scrollWidth<=innerWidth),n+w+' scrolls sideways');
  await p.screenshot({path:`/tmp/shot-${n}-${w}.png`,fullPage:true});await p.close();}
// wording, names
for(const n of ['newsletter','spring-guide','demo-request']){const p=await open(`/${n}.html`);const c=toml(n);
  const got=await p.$$eval('.consent',e=>e.map(x=>{const i=x.querySelector('input');return [i.name,i.value,i.required,i.checked,x.querySelector('label').textContent]}));
  assert.deepEqual(got,c.purpose.map(q=>['consent.'+q.id,q.version,!!q.required,false,q.text]));
  const f=await p.$$eval('.field:not(.consent)',e=>e.map(x=>{const i=x.querySelector('input,select');return {name:i.name,required:i.required,max:i.maxLength>0?i.maxLength:undefined,choices:i.options?[...i.options].slice(1).map(o=>o.value):undefined,label:x.querySelector('label').firstChild.textContent.trim()}}));
  for(const [i,q] of c.field.entries()){assert.equal(f[i].name,q.name);assert.equal(f[i].required,!!q.required);assert.equal(f[i].label,q.label);if(q.choices)assert.deepEqual(f[i].choices,q.choices);assert.equal(f[i].max,q.max_length);}
  await p.close();}
// no js
{const p=await open('/spring-guide.html',{javaScriptEnabled:false});await p.fill('#email','a@example.com');await p.check('#consent-newsletter');await p.click('button');await p.waitForURL('**/thanks');console.log(posts.at(-1).headers['content-type'],posts.at(-1).body);await p.close();}
// js: errors, then network drop and 503, then thanks
{const p=await open('/demo-request.html?utm_source=google&utm_medium=cpc&gclid=x',{viewport:{width:360,height:740}});posts.length=0;
 script.next=[{status:422,title:'Invalid',errors:[{field:'consent.contact',code:'consent_required',detail:'Please agree to be contacted.'},{field:'email',code:'required',detail:'Please give an e-mail address.'},{field:'',code:'unknown_field',detail:'There is a field that is not known.'}]}];
 await p.click('button');await p.waitForSelector('.error');
 assert.equal(await p.evaluate(()=>document.activeElement.id),'email');
 await p.screenshot({path:'/tmp/shot-errors-360.png',fullPage:true});
 script.next=['drop',{status:503,headers:{'retry-after':'1'}}];posts.length=0;
 await p.fill('#email','a@example.com');await p.selectOption('#country','SE');await p.check('#consent-contact');
 await p.evaluate(()=>{const f=document.querySelector('form');f.requestSubmit();f.requestSubmit();});
 await p.waitForSelector('[data-thanks]:not([hidden])',{timeout:20000});
 console.log(posts.length,new Set(posts.map(q=>q.headers['idempotency-key'])),posts.at(-1).headers['content-type'],posts.at(-1).body.replace(/\r\n/g,'|'));
 assert.equal(new Set(posts.map(q=>q.headers['idempotency-key'])).size,1);
 await p.screenshot({path:'/tmp/shot-thanks-360.png',fullPage:true});await p.close();}
// chat
{posts.length=0;const p=await open('/chatbot.html',{viewport:{width:360,height:740}});
 const type=async t=>{await p.waitForSelector('form.answer:not([hidden])');await p.fill('#answer',t);await p.click('form.answer button');};
 const click=t=>p.click(`.choices button:text-is("${t}")`);
 await type('');await type('What does it cost?');await type('a@example.com');await type('123');await click('Yes');
 script.next=[{status:422,title:'x',errors:[{field:'phone',code:'invalid_phone',detail:'This is not a phone number.'}]}];
 await click('Yes');await p.waitForSelector('text=This is not a phone number.');
 await p.screenshot({path:'/tmp/shot-chat-360.png',fullPage:true});
 await type('070-174 06 05');await p.waitForSelector('text=Thank you!');
 console.log(posts.map(q=>[q.headers['content-type'],q.headers['idempotency-key'],q.body]));await p.screenshot({path:'/tmp/shot-chat2-360.png',fullPage:true});
 await p.close();
 const p2=await open('/chatbot.html',{viewport:{width:1280,height:800}});await p2.fill('#answer','What does it cost?');await p2.press('#answer','Enter');await p2.waitForTimeout(100);await p2.screenshot({path:'/tmp/shot-chat-1280.png'});await p2.fill('#answer','a@b.se');await p2.press('#answer','Enter');await p2.click('.choices button:text-is("Skip")');await p2.click('.choices button:text-is("No")');await p2.waitForSelector('text=Nothing was sent');await p2.close();}
}finally{console.log('console:',logs);await b.close();server.close();server.closeAllConnections();}
