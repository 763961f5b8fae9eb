//! A door for a program that drives a browser: `GET /WORD` has something done here, before it is answered.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// The door's address; what is asked for is done one after the other.
pub async fn control<D>(mut does: impl FnMut(String) -> D + Send + 'static) -> String
where
    D: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            let _ = BufReader::new(&mut stream).read_line(&mut request).await;
            if let Some(word) = request.split(' ').nth(1) {
                does(word.trim_start_matches('/').to_owned()).await;
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
        }
    });
    address
}
