import 'uplot/dist/uPlot.min.css';
import './styles/page.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { stayConnected } from './live/connection.ts';

render(<App />, document.getElementById('app')!);
void stayConnected();
