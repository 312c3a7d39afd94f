//! What each kind of fault means, in one sentence.

use tripline_engine::fault::FaultKind;

pub(super) const fn english(kind: FaultKind) -> &'static str {
    use FaultKind as K;
    match kind {
        K::StrategyError => "The strategy returned an error.",
        K::OrderFailed => "An order of the strategy failed.",
        K::InitFailed => "The strategy did not start in time.",
        K::ActorPanic => "A part of the engine panicked.",
        K::MailboxClosed => "A part of the engine is gone.",
        K::MailboxFull => "A part of the engine is overloaded.",
        K::Network => "The venue cannot be reached.",
        K::Timeout => "The venue did not answer in time.",
        K::UnknownOutcome => "It is not known whether the venue carried out a request.",
        K::RateLimited => "The venue's request limit is reached.",
        K::Banned => "The venue has banned this address.",
        K::Authentication => "The venue refused key, signature or permission.",
        K::ClockOffset => "The clock differs from the venue's.",
        K::InvalidRequest => "The venue calls a request malformed.",
        K::VenueRejection => "The venue refused a request.",
        K::Maintenance => "The venue is down for maintenance or overloaded.",
        K::ChangedData => "The venue's data has another form than agreed.",
        K::NotJson => "The venue sent a page instead of data.",
        K::StaleData => "Market data stopped arriving.",
        K::BookBroken => "The order book could not be rebuilt.",
        K::PrivateStreamDown => "The private stream is down.",
        K::OrderContradiction => "Two things about an order cannot both be true.",
        K::OrderUnresolved => "What became of an order stays unknown.",
        K::PositionUncertain => "What the strategy holds is not known for certain.",
        K::BalanceDrift => "The account does not hold what it must hold.",
        K::UnknownOrder => "There is an order that this engine does not know.",
        K::ForeignOrder => "There is an order on the account that this engine has not placed.",
        K::NotReconciled => "This engine and the venue do not agree on orders or fills.",
        K::CancelUnconfirmed => "A resting order could not be cancelled for certain.",
        K::AlertUndelivered => "An alert reached nobody.",
        K::JournalFailed => "The journal cannot be written.",
        K::Manual => "A person ordered the halt.",
    }
}

pub(super) const fn chinese(kind: FaultKind) -> &'static str {
    use FaultKind as K;
    match kind {
        K::StrategyError => "策略返回了错误。",
        K::OrderFailed => "策略的订单失败。",
        K::InitFailed => "策略未能按时启动。",
        K::ActorPanic => "引擎的一个部件崩溃。",
        K::MailboxClosed => "引擎的一个部件已停止。",
        K::MailboxFull => "引擎的一个部件过载。",
        K::Network => "无法连接交易所。",
        K::Timeout => "交易所未按时应答。",
        K::UnknownOutcome => "不知道交易所是否执行了请求。",
        K::RateLimited => "达到交易所的请求频率上限。",
        K::Banned => "交易所封禁了本机地址。",
        K::Authentication => "交易所拒绝了密钥、签名或权限。",
        K::ClockOffset => "本机时钟与交易所不一致。",
        K::InvalidRequest => "交易所认为请求格式有误。",
        K::VenueRejection => "交易所拒绝了请求。",
        K::Maintenance => "交易所正在维护或过载。",
        K::ChangedData => "交易所的数据格式与约定不符。",
        K::NotJson => "交易所返回了网页而不是数据。",
        K::StaleData => "行情停止到达。",
        K::BookBroken => "订单簿无法重建。",
        K::PrivateStreamDown => "私有数据流中断。",
        K::OrderContradiction => "关于一个订单的两个说法相互矛盾。",
        K::OrderUnresolved => "订单的结果一直不明。",
        K::PositionUncertain => "策略的持仓无法确定。",
        K::BalanceDrift => "账户余额与应有的对不上。",
        K::UnknownOrder => "存在引擎不认识的订单。",
        K::ForeignOrder => "账户上存在非本引擎下的订单。",
        K::NotReconciled => "引擎与交易所的订单或成交对不上。",
        K::CancelUnconfirmed => "挂单的撤销未得到确认。",
        K::AlertUndelivered => "有告警没有送达任何人。",
        K::JournalFailed => "日志无法写入。",
        K::Manual => "有人下令停机。",
    }
}
