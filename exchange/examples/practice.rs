//! Runs a practice exchange with the built-in configuration: `cargo run --example practice -- 18080 [ca.pem]`.

use std::net::Ipv4Addr;

use tripline_exchange::{ExchangeConfig, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(18_080), |text| text.parse())?;
    let ca_file = arguments.next().map(Into::into);
    let config = match arguments.next() {
        Some(path) => ExchangeConfig::from_toml(&std::fs::read_to_string(path)?)?,
        None => ExchangeConfig::default(),
    };
    actix_rt::System::new().block_on(run(&config, Ipv4Addr::LOCALHOST.into(), port, ca_file))?;
    Ok(())
}
